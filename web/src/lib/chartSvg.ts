// A chart as an SVG file: uPlot draws on a canvas, which cannot be enlarged.

export interface Line {
  label: string;
  values: readonly (number | null)[];
  stroke: string;
  dashed?: boolean;
}
interface Drawing {
  title: string;
  x: readonly number[];
  series: readonly Line[];
  xLabel: string;
  yLabel: string;
  log: boolean;
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 400, 64, 16, 40, 56];

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** About five round numbers from low to high. */
export function ticks(low: number, high: number): number[] {
  if (!(high > low)) return [low];
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough)!;
  const found: number[] = [];
  for (let tick = Math.ceil(low / step); tick * step <= high + step * 1e-9; tick++)
    found.push(Number((tick * step).toPrecision(12)));
  return found;
}

export function chartSvg({ title, x, series, xLabel, yLabel, log }: Drawing): string {
  const scaled = (value: number) => (log ? Math.log10(value) : value);
  const shown = series
    .flatMap((each) => each.values)
    .filter((value): value is number => value !== null && (!log || value > 0))
    .map(scaled);
  const [left, right] = [Math.min(...x), Math.max(...x)];
  const [low, high] = shown.length ? [Math.min(...shown), Math.max(...shown)] : [0, 1];
  const across = (value: number) => LEFT + ((value - left) / (right - left || 1)) * (WIDTH - LEFT - RIGHT);
  const up = (value: number) => HEIGHT - BOTTOM - ((value - low) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#1d1f23">`,
    `<title>${escaped(title)}</title><rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
  ];
  for (const tick of ticks(left, right)) {
    parts.push(`<text x="${across(tick).toFixed(1)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${tick}</text>`);
  }
  for (const tick of ticks(low, high)) {
    const at = up(tick).toFixed(1);
    parts.push(`<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="#dedbd2"/>`);
    parts.push(
      `<text x="${LEFT - 8}" y="${at}" dy="4" text-anchor="end">${log ? (10 ** tick).toPrecision(2) : tick}</text>`,
    );
  }
  parts.push(
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 16}" text-anchor="middle">${escaped(xLabel)}</text>`,
  );
  if (yLabel)
    parts.push(
      `<text transform="translate(16 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle">${escaped(yLabel)}</text>`,
    );
  series.forEach((each, index) => {
    let pen = 'M';
    let path = '';
    x.forEach((value, row) => {
      const y = each.values[row] ?? null;
      if (y === null || (log && y <= 0)) pen = 'M';
      else {
        path += `${pen}${across(value).toFixed(1)} ${up(scaled(y)).toFixed(1)}`;
        pen = 'L';
      }
    });
    const dash = each.dashed ? ' stroke-dasharray="6 4"' : '';
    if (path) parts.push(`<path d="${path}" fill="none" stroke="${escaped(each.stroke)}" stroke-width="2"${dash}/>`);
    const key = LEFT + index * 150;
    parts.push(
      `<path d="M${key} 22h20" stroke="${escaped(each.stroke)}" stroke-width="2"${dash}/><text x="${key + 26}" y="26">${escaped(each.label)}</text>`,
    );
  });
  return parts.join('') + '</svg>';
}
