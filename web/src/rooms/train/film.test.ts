import { describe, expect, it } from 'vitest';
import {
  differences,
  frames,
  measureAt,
  nearest,
  network,
  overEpochs,
  parseHidden,
  short,
  snapshotsOf,
  updated,
} from './film';
import type { Measure, Run, Settings, Update } from './film';

const measure = (step: number, loss: number | null = null): Measure => ({
  step,
  epoch: step / 10,
  batch_loss: loss,
  learning_rate: 0.1,
  images_per_second: null,
  loss,
  accuracy: null,
  validation_loss: null,
  validation_accuracy: step / 100,
  gradients: [],
  dead: [],
  answer: null,
});
const run = { step: 3, revision: 0, measures: [0, 1, 2, 3].map((step) => measure(step)) } as unknown as Run;
const update = (steps: number[], whole = false): Update =>
  ({ step: steps.at(-1), revision: 0, whole, measures: steps.map((step) => measure(step)), view: null }) as Update;

describe('news', () => {
  const steps = (of: Run) => of.measures.map((each) => each.step);
  it('comes after what is there', () => expect(steps(updated(run, update([4, 6])))).toEqual([0, 1, 2, 3, 4, 6]));
  it('replaces what it overlaps', () => expect(steps(updated(run, update([3, 4])))).toEqual([0, 1, 2, 3, 4]));
  it('replaces all where it is whole', () => expect(steps(updated(run, update([0, 4], true)))).toEqual([0, 4]));
  it('may have no measures', () => expect(steps(updated(run, update([])))).toEqual([0, 1, 2, 3]));
  it('brings the accuracy along', () => expect(updated(run, update([8])).validation_accuracy).toBe(0.08));
});

describe('the film', () => {
  it('ends with the present', () => {
    expect(frames({ snapshots: [0, 4, 8], step: 9 })).toEqual([0, 4, 8, 9]);
    expect(frames({ snapshots: [0, 4, 8], step: 8 })).toEqual([0, 4, 8]);
  });
  it('is forked at what is kept', () => {
    expect(snapshotsOf({ snapshots: [0, 4], step: 5, status: 'running' })).toEqual([0, 4]);
    expect(snapshotsOf({ snapshots: [0, 4], step: 5, status: 'paused' })).toEqual([0, 4, 5]);
    expect(snapshotsOf(null)).toEqual([]);
  });
  it('goes to the nearest snapshot', () => {
    expect(nearest([0, 4, 8], 5)).toBe(4);
    expect(nearest([0, 4, 8], 6)).toBe(4);
    expect(nearest([0, 4, 8], 70)).toBe(8);
    expect(nearest([], 1)).toBeNull();
  });
  it('shows what was measured last', () => {
    expect(measureAt([measure(0), measure(4)], 3)?.step).toBe(0);
    expect(measureAt([measure(2)], 1)?.step).toBe(2);
    expect(measureAt([], 1)).toBeNull();
  });
});

it('several runs share one x', () => {
  const first = { measures: [measure(0, 3), measure(10, 1)], curve: (each: Measure) => each.loss };
  const fork = { measures: [measure(5, 2), measure(10, 0)], curve: (each: Measure) => each.loss };
  expect(overEpochs([first, fork])).toEqual({
    x: [0, 0.5, 1],
    values: [
      [3, null, 1],
      [null, 2, 0],
    ],
  });
});

it('hidden layers are written as numbers', () => {
  expect(parseHidden('64, 32')).toEqual([64, 32]);
  expect(parseHidden(' 128 ')).toEqual([128]);
  expect(parseHidden('')).toEqual([]);
  for (const wrong of ['0', '2000', 'many', '1.5', Array(13).fill('8').join(' ')])
    expect(parseHidden(wrong)).toBeNull();
});

it('differences are told in words', () => {
  const settings = { hidden: [64, 32], optimizer: 'sgd', learning_rate: 0.1, zero_weights: false } as Settings;
  expect(differences({ ...settings, optimizer: 'adamw', learning_rate: 0.003 }, settings)).toBe(
    'optimiser adamw, learning rate 0.003',
  );
  expect(differences({ ...settings, hidden: [], zero_weights: true }, settings)).toBe(
    'hidden layers none, zero weights on',
  );
  expect(differences(settings, settings)).toBe('');
});

it('a network is told in one line', () => {
  const settings = { hidden: [64, 32], activation: 'relu', convolutions: '' } as unknown as Settings;
  expect(network(settings)).toBe('28×28 – 64 – 32 – 10, relu');
  expect(network({ ...settings, hidden: Array(10).fill(32) })).toBe('28×28 – 10 of 32 – 10, relu');
  expect(network({ ...settings, convolutions: '8x5 pool' })).toBe('28×28 – 8x5 – pool – 64 – 32 – 10, relu');
});

it('numbers are short', () => {
  expect([0, 0.03125, 1.23e-7, 12400, null].map(short)).toEqual(['0', '0.0313', '1.2e-7', '12,400', '–']);
});
