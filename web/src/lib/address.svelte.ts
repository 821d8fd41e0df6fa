// The state of the page is in its address: `#/draw?model=standard&d=…`. Copy it and the same view opens.

import { untrack } from 'svelte';

export const ROOMS = ['draw', 'inside', 'train', 'test'] as const;
export type Room = (typeof ROOMS)[number];

// What is kept when another room is entered: the model, and the digit everybody looks at.
const SHARED = new Set(['model', 'd', 'n', 'test', 'p']);

export function parseHash(hash: string): { room: Room; values: Record<string, string> } {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const room = ROOMS.find((each) => each === path) ?? 'draw';
  return { room, values: Object.fromEntries(new URLSearchParams(query)) };
}

export function formatHash(room: Room, values: Record<string, string>): string {
  const query = new URLSearchParams(Object.entries(values)).toString();
  return `#/${room}${query ? `?${query}` : ''}`;
}

class Address {
  room = $state<Room>('draw');
  private values = $state<Record<string, string>>({}); // changed in place: who reads one value hears of that one only
  private left = new Map<Room, Record<string, string>>(); // what each room had of its own when it was left

  constructor() {
    if (typeof window === 'undefined') return; // in tests without a browser
    this.read();
    window.addEventListener('hashchange', () => this.read());
  }

  private read(): void {
    const { room, values } = parseHash(location.hash);
    this.become(room, values);
  }

  private become(room: Room, values: Record<string, string>): void {
    this.room = room;
    for (const name of Object.keys(this.values)) if (!(name in values)) delete this.values[name];
    Object.assign(this.values, values);
  }

  /** All values as they are now, for who changes them and need not hear of other changes. */
  private now(): Record<string, string> {
    return untrack(() => ({ ...this.values }));
  }

  /** One value of the address; null where it has none. */
  get(name: string): string | null {
    return this.values[name] ?? null;
  }

  /** A value that is a whole number; null where it has none, or another kind. */
  getNumber(name: string): number | null {
    const value = this.get(name);
    return value !== null && /^-?\d{1,9}$/.test(value) ? Number(value) : null;
  }

  /**
   * Change some values; null takes one away. By default no new entry is made in the history: a slider would fill it.
   * Give `step: true` where the back button should return to what was before.
   */
  set(changes: Record<string, string | number | null>, options: { step?: boolean } = {}): void {
    const values = this.now();
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) delete values[name];
      else values[name] = String(value);
    }
    this.write(this.room, values, options.step ?? false);
  }

  /** Enter a room, with what it had when it was left, or with other values. */
  go(room: Room, changes: Record<string, string> = {}): void {
    const shared: Record<string, string> = {};
    const own: Record<string, string> = {};
    for (const [name, value] of Object.entries(this.now())) (SHARED.has(name) ? shared : own)[name] = value;
    this.left.set(this.room, own);
    this.write(room, { ...this.left.get(room), ...shared, ...changes }, true);
  }

  private write(room: Room, values: Record<string, string>, step: boolean): void {
    const hash = formatHash(room, values);
    untrack(() => this.become(room, values));
    if (hash === location.hash) return;
    if (step) history.pushState(null, '', hash);
    else history.replaceState(null, '', hash);
  }
}

export const address = new Address();
if (typeof window !== 'undefined')
  window.addEventListener('popstate', () => window.dispatchEvent(new Event('hashchange')));
