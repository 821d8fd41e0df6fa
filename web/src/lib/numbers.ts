// How numbers are written.

/** "+1.234", "−0.500": with a sign, and a real minus. */
export function signed(value: number, digits = 3): string {
  const text = Math.abs(value).toFixed(digits);
  return (value < 0 && Number(text) !== 0 ? '−' : '+') + text;
}

/** "−1.5": with a real minus. */
export function plain(value: number, digits = 1): string {
  const text = Math.abs(value).toFixed(digits);
  return (value < 0 && Number(text) !== 0 ? '−' : '') + text;
}

/** A share as "99.2 %"; what is nearly all is not written as all. */
export function percent(share: number, digits = 1): string {
  const nearly = 100 - 10 ** -digits;
  if (share < 1 && 100 * share > nearly) return `> ${nearly.toFixed(digits)} %`;
  return `${(100 * share).toFixed(digits)} %`;
}

/**
 * Round parts so that what is written adds up to the total as it is written: of the parts, those that lose most by
 * rounding down are rounded up (the method of the largest remainder).
 */
export function roundedToAddUp(parts: readonly number[], total: number, digits = 3): number[] {
  const unit = 10 ** digits;
  const rounded = parts.map((part) => Math.floor(part * unit));
  const missing = Math.round(total * unit) - rounded.reduce((sum, part) => sum + part, 0);
  const order = parts
    .map((part, index) => ({ index, remainder: part * unit - Math.floor(part * unit) }))
    .sort((one, other) => other.remainder - one.remainder);
  for (const { index } of order.slice(0, Math.max(0, missing))) rounded[index]! += 1;
  return rounded.map((part) => part / unit);
}
