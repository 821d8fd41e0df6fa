// Arrays of numbers → canvases: shades of grey as MNIST has them, or signed numbers in the two colours.

import { rgb } from './theme.svelte';

function sized(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  canvas.width = width;
  canvas.height = height;
  return canvas.getContext('2d')!;
}

/** Shades 0…255, row by row, white on black. */
export function paintShades(
  canvas: HTMLCanvasElement,
  shades: ArrayLike<number> | null,
  width = 28,
  height = 28,
): HTMLCanvasElement {
  const context = sized(canvas, width, height);
  const { data } = context.createImageData(width, height);
  for (let place = 0; place < width * height; place++) {
    data.fill(shades?.[place] ?? 0, 4 * place, 4 * place + 3);
    data[4 * place + 3] = 255;
  }
  context.putImageData(new ImageData(data, width, height), 0, 0);
  return canvas;
}

/** Signed numbers: blue is positive, vermilion negative, in full colour from ±`scale` on. */
export function paintHeat(
  canvas: HTMLCanvasElement,
  values: ArrayLike<number>,
  width = 28,
  height = 28,
  scale = largest(values),
): HTMLCanvasElement {
  const context = sized(canvas, width, height);
  const { data } = context.createImageData(width, height);
  const [positive, negative, nothing] = [rgb('--for-fill'), rgb('--against-fill'), rgb('--sunken')];
  for (let place = 0; place < width * height; place++) {
    const value = values[place] ?? 0;
    const share = scale ? Math.min(1, Math.abs(value) / scale) : 0;
    const full = value > 0 ? positive : negative;
    for (let part = 0; part < 3; part++) {
      data[4 * place + part] = nothing[part]! + share * (full[part]! - nothing[part]!);
    }
    data[4 * place + 3] = 255;
  }
  context.putImageData(new ImageData(data, width, height), 0, 0);
  return canvas;
}

/** The largest size among signed numbers. */
export function largest(values: ArrayLike<number>): number {
  let found = 0;
  for (let place = 0; place < values.length; place++) found = Math.max(found, Math.abs(values[place]!));
  return found;
}
