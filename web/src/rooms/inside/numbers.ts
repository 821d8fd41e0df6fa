// How numbers are written, so that what is written adds up.

const MINUS = '−';

const signed = (text: string) => text.replaceAll('-', MINUS);

/** So many significant digits; very small and very large ones with a power of ten. */
export function written(value: number, digits = 4): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e6) return signed(Number(value.toPrecision(digits)).toFixed(decimalsFor(size, digits)));
  return signed(value.toExponential(digits - 1));
}

/** So many digits after the point. */
export const fixed = (value: number, decimals: number) =>
  signed((Math.abs(value) < 0.5 * 10 ** -decimals ? 0 : value).toFixed(decimals));

function decimalsFor(size: number, digits: number): number {
  return Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
}

/** Digits after the point that show the largest of some numbers with four significant ones: at least 4, at most 12. */
export function decimalsOf(values: readonly number[]): number {
  const largest = Math.max(0, ...values.map(Math.abs));
  return largest === 0 ? 4 : Math.min(12, Math.max(4, decimalsFor(largest, 4)));
}

/**
 * Round numbers so that the rounded ones add up to the rounded total: those whose rounding was hardest go the other way
 * (the method of the largest remainder, as seats are given out in parliaments). None moves by a whole last digit.
 */
export function roundToSum(values: readonly number[], total: number, decimals: number): number[] {
  const unit = 10 ** decimals;
  const floors = values.map((value) => Math.floor(value * unit));
  let missing = Math.round(total * unit) - floors.reduce((sum, value) => sum + value, 0);
  const order = values
    .map((value, index) => ({ index, rest: value * unit - floors[index]! }))
    .sort((one, other) => other.rest - one.rest);
  for (const { index } of order) {
    if (missing <= 0) break;
    floors[index]!++;
    missing--;
  }
  return floors.map((value) => value / unit);
}

/** "1 number", "2 numbers", "1,024 numbers". */
export const counted = (count: number, one: string, many = `${one}s`) =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/** The largest size among numbers. */
export function largest(values: ArrayLike<number>): number {
  let size = 0;
  for (let index = 0; index < values.length; index++) size = Math.max(size, Math.abs(values[index]!));
  return size;
}
