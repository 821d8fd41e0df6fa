// Light, dark, or as the system has it. Canvas cannot read CSS variables, so `colour` reads them for it.

export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];
const KEY = 'digits-theme';

function stored(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? 'auto';
  } catch {
    return 'auto'; // storage is forbidden
  }
}

class ThemeChoice {
  choice = $state<Theme>('auto');
  /** Counts changes; read it in an `$effect` that draws on a canvas, to draw anew. */
  version = $state(0);

  constructor() {
    if (typeof window === 'undefined') return;
    this.choose(stored());
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.version++);
  }

  choose(theme: Theme): void {
    this.choice = theme;
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // it lasts until the page is left
    }
    this.version++;
  }
}

export const theme = new ThemeChoice();

/** What a CSS variable of app.css is in the present theme, as `rgb(…)`. */
export function colour(name: `--${string}`): string {
  void theme.version;
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** The same as three numbers from 0 to 255. */
export function rgb(name: `--${string}`): [number, number, number] {
  const [red = 0, green = 0, blue = 0] = (colour(name).match(/[\d.]+/g) ?? []).map(Number);
  return [red, green, blue];
}
