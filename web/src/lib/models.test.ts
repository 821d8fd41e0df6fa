import { expect, it } from 'vitest';
import { nameOf } from './models.svelte';

it('a model file keeps its name, as far as a model can have it', () => {
  expect(nameOf('model.pkl')).toBe('model');
  expect(nameOf('my model (2).pkl')).toBe('my-model-2');
  expect(nameOf('net-1.5.safetensors')).toBe('net-1.5');
  expect(nameOf('.…')).toBe('model');
  expect(nameOf(`${'x'.repeat(50)}.pkl`)).toHaveLength(40);
});
