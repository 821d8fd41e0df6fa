// How the Test room writes numbers, and which of a few thresholds or points is meant.

import type { Schemas } from '../../lib/api';

type Share = Schemas['Share'];
type Threshold = Schemas['Threshold'];

/** 12345 → "12,345". */
export const whole = (count: number): string => count.toLocaleString('en');

/** A share as a percentage, with two digits after the point: 0.0056 → "0.56 %". */
export const percent = (share: number, digits = 2): string => `${(100 * share).toFixed(digits)} %`;

/** A confidence, which is never written as the whole of it: 0.99996 → "> 99.9 %". */
export const sureness = (share: number): string => (share > 0.9995 ? '> 99.9 %' : percent(share, 1));

/** A confidence in whole percent, where there is little room: 0.943 → "94", 0.9996 → "> 99". */
export const roundly = (share: number): string => (share > 0.995 ? '> 99' : String(Math.round(100 * share)));

/** The interval of a share: "0.43 % to 0.73 %". */
export const interval = ({ low, high }: Share): string => `${percent(low)} to ${percent(high)}`;

export const shareOf = ({ count, of }: Share): number => (of ? count / of : 0);

/** A threshold of confidence with as many nines as it needs: 0.9, 0.95, 0.9968, 0.99999. */
export function confidence(threshold: number): string {
  if (threshold === 0) return '0';
  const digits = Math.max(2, 1 + Math.ceil(-Math.log10(1 - threshold) - 1e-9));
  return threshold.toFixed(digits).replace(/(\.\d+?)0+$/, '$1');
}

/** One mistake, many mistakes. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${whole(count)} ${count === 1 ? one : many}`;

/** "shot_noise" → "Shot noise". */
export function kindName(name: string): string {
  const words = name.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The place in the list of the threshold that answers about this share of all images. */
export function thresholdAt(thresholds: readonly Threshold[], coverage: number): number {
  const wanted = coverage * (thresholds[0]?.answered ?? 0);
  const distances = thresholds.map((each) => Math.abs(each.answered - wanted));
  return Math.max(0, distances.indexOf(Math.min(...distances)));
}

/** How likely chance is, in words. */
export function chance(p: number): string {
  if (p > 0.4) return 'and so uneven a split often comes by chance';
  if (p < 1e-6) return 'and so uneven a split comes by chance less than once in a million times';
  return `and so uneven a split comes by chance about once in ${whole(Math.round(1 / p))} times`;
}

/** The nearest point to (x, y), in whatever unit they are; −1 where none is within reach. */
export function nearest(xs: readonly number[], ys: readonly number[], x: number, y: number, reach: number): number {
  let best = -1;
  let least = reach * reach;
  for (let place = 0; place < xs.length; place++) {
    const distance = (xs[place]! - x) ** 2 + (ys[place]! - y) ** 2;
    if (distance <= least) [best, least] = [place, distance];
  }
  return best;
}

/** The nearest point in a direction, within 45° of it; where there is none, the same one. */
export function neighbour(
  xs: readonly number[],
  ys: readonly number[],
  from: number,
  direction: readonly [number, number],
): number {
  let best = from;
  let least = Infinity;
  for (let place = 0; place < xs.length; place++) {
    const [across, up] = [xs[place]! - xs[from]!, ys[place]! - ys[from]!];
    const along = across * direction[0] + up * direction[1];
    const aside = Math.abs(across * direction[1] - up * direction[0]);
    if (along > 0 && aside <= along && along + aside < least) [best, least] = [place, along + aside];
  }
  return best;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
