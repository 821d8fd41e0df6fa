// What the Train room knows of runs without a browser: their types, how news is added, and what charts of several need.

import type { Schemas } from '../../lib/api';

export type Settings = Required<Schemas['RunSettings']>;
export type Measure = Schemas['Measure'];
export type View = Schemas['View'];
export type Summary = Required<Omit<Schemas['RunSummary'], 'settings'>> & { settings: Settings };
export type Run = Required<Omit<Schemas['RunRecord'], 'settings'>> & { settings: Settings };
export type Preset = Omit<Schemas['Preset'], 'settings'> & { settings: Settings };

/** A message of a run's WebSocket: what is new since the one before. */
export type Update = Schemas['RunUpdate'];

/** A run with what is new. */
export function updated(run: Run, { whole, measures, view: _, ...news }: Update): Run {
  const first = measures[0]?.step ?? Infinity;
  const kept = whole ? [] : run.measures.filter((measure) => measure.step < first);
  return {
    ...run,
    ...news,
    measures: [...kept, ...measures],
    validation_accuracy: measures.at(-1)?.validation_accuracy ?? run.validation_accuracy,
  };
}

/** The steps that can be gone back to, the present last. */
export function frames(run: Pick<Run, 'snapshots' | 'step'>): number[] {
  return run.snapshots.at(-1) === run.step ? run.snapshots : [...run.snapshots, run.step];
}

/** The steps that a fork can begin at: the present only while it stands still. */
export function snapshotsOf(run: Pick<Run, 'snapshots' | 'step' | 'status'> | null): number[] {
  if (!run) return [];
  return run.status === 'running' ? run.snapshots : frames(run);
}

/** The one of some numbers in ascending order that is nearest to a number; the first of two equally near. */
export function nearest(numbers: readonly number[], wanted: number): number | null {
  let found: number | null = null;
  for (const each of numbers) if (found === null || Math.abs(each - wanted) < Math.abs(found - wanted)) found = each;
  return found;
}

/** The last measure that was made up to a step; the first of all where there is none. */
export function measureAt(measures: readonly Measure[], step: number): Measure | null {
  return measures.findLast((measure) => measure.step <= step) ?? measures[0] ?? null;
}

export type Curve = (measure: Measure) => number | null | undefined;

/** Curves of several runs over one x, epochs: null where a run was not measured. */
export function overEpochs(parts: readonly { measures: readonly Measure[]; curve: Curve }[]): {
  x: number[];
  values: (number | null)[][];
} {
  const x = [...new Set(parts.flatMap((part) => part.measures.map((measure) => measure.epoch)))].sort((a, b) => a - b);
  const values = parts.map(({ measures, curve }) => {
    const known = new Map(measures.map((measure) => [measure.epoch, curve(measure) ?? null]));
    return x.map((epoch) => known.get(epoch) ?? null);
  });
  return { x, values };
}

/** "64, 32" → [64, 32]; null where it is no list of layers. Nothing is no hidden layer. */
export function parseHidden(text: string): number[] | null {
  const words = text.split(/[\s,;×–-]+/).filter(Boolean);
  const sizes = words.map(Number);
  return sizes.every((size) => Number.isInteger(size) && size >= 1 && size <= 1024) && sizes.length <= 12
    ? sizes
    : null;
}

const NAMES: Record<keyof Settings, string> = {
  convolutions: 'convolutions',
  hidden: 'hidden layers',
  batch_norm: 'batch normalisation',
  activation: 'activation',
  dropout: 'dropout',
  optimizer: 'optimiser',
  learning_rate: 'learning rate',
  schedule: 'schedule',
  weight_decay: 'weight decay',
  batch_size: 'batch',
  epochs: 'epochs',
  weight_average: 'weight averaging',
  warps: 'augmentation',
  ease_off: 'easing off',
  images: 'images',
  seed: 'seed',
  zero_weights: 'zero weights',
  sorted_by_digit: 'sorted by digit',
};

/** What differs, in words: "optimiser adamw, learning rate 0.003". */
export function differences(settings: Settings, before: Settings): string {
  const written = (value: unknown) =>
    Array.isArray(value) ? value.join(', ') || 'none' : typeof value === 'boolean' ? (value ? 'on' : 'off') : value;
  return (Object.keys(NAMES) as (keyof Settings)[])
    .filter((key) => JSON.stringify(settings[key]) !== JSON.stringify(before[key]))
    .map((key) => `${NAMES[key]} ${written(settings[key])}`)
    .join(', ');
}

/** The network in one line: "28×28 – 64 – 32 – 10, relu"; alike layers are counted: "10 of 32". */
export function network(settings: Settings): string {
  const filters = settings.convolutions.split(' ').filter(Boolean);
  const hidden = settings.hidden;
  const alike = hidden.length > 2 && hidden.every((size) => size === hidden[0]);
  const layers = alike ? [`${hidden.length} of ${hidden[0]}`] : hidden;
  return `${['28×28', ...filters, ...layers, 10].join(' – ')}, ${settings.activation}`;
}

export const percent = (share: number | null | undefined, digits = 1): string =>
  share === null || share === undefined ? '–' : `${(100 * share).toFixed(digits)} %`;

/** A number in few characters: 0.0312, 1.2e-7, 12,400. */
export function short(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en');
  return size < 0.001 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

export const STATUS: Record<Run['status'], string> = {
  paused: 'paused',
  running: 'running',
  finished: 'finished',
  stopped: 'stopped',
  diverged: 'diverged',
  failed: 'failed',
};
