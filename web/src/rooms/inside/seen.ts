// In which shape the inputs of a unit are shown.

import type { Schemas } from '../../lib/api';

/** A vector that is an image, or maps laid in a row by Flatten, is shown as what it was. */
export function seenShape(forward: Schemas['Forward'], layer: number, shape: number[]): number[] {
  if (shape.length === 2) return [1, ...shape];
  if (shape.length !== 1) return shape;
  if (layer === 0 && shape[0] === 784) return [1, 28, 28];
  const before = forward.layers[layer - 1];
  return before?.kind === 'Flatten' && shape[0] === before.output_shape[0] ? before.input_shape : shape;
}
