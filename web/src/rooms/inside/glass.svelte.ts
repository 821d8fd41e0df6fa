// What the Inside room looks at: layer, unit, the digit it should have been, the steps taken, how far the gradients have
// come. All of it is in the address; the answers of the studio are kept here, so that they outlive the room.

import { address } from '../../lib/address.svelte';
import { api, decodeArray, type Numbers, type Schemas } from '../../lib/api';
import { specimen } from '../../lib/specimen.svelte';
import { toasts } from '../../lib/toasts.svelte';
import { decodeSteps, encodeSteps, MOST_STEPS, type Step } from './steps';

export interface Grid {
  shape: number[];
  values: Numbers;
}

export const FIRST_RATE = 0.001;
const RATES = /^\d*\.?\d+(e-?\d+)?$/;

class Glass {
  forward = $state.raw<Schemas['Forward'] | null>(null);
  backward = $state.raw<Schemas['Backward'] | null>(null);
  unitAnswer = $state.raw<Schemas['UnitAnswer'] | null>(null);
  /** The layer and unit that `unitAnswer` is of. */
  unitAt = $state.raw<{ layer: number; unit: number } | null>(null);
  /** How many steps the last press of a button took: "before" is as many steps ago. */
  lastSteps = $state(1);
  private looked: { image: string; steps: string | null } | null = null;

  readonly steps: Step[] = $derived(decodeSteps(address.get('steps')));
  readonly label: number | null = $derived.by(() => {
    const label = address.getNumber('label');
    return label !== null && label >= 0 && label <= 9 ? label : null;
  });
  readonly rate: number = $derived.by(() => {
    const text = address.get('rate') ?? '';
    const rate = RATES.test(text) ? Number(text) : FIRST_RATE;
    return rate > 0 && rate <= 1 ? rate : FIRST_RATE;
  });

  /** The outputs of every layer, the pixels first. */
  readonly values: Grid[] = $derived(
    this.forward ? [this.forward.input, ...this.forward.layers.map((layer) => layer.values)].map(decodeArray) : [],
  );
  /** The gradients with respect to the same numbers; none where no label is chosen. */
  readonly gradients: Grid[] = $derived(this.backward?.layers.map((layer) => decodeArray(layer.outputs)) ?? []);

  /** How many columns the gradients have reached, from the loss on; all of them are the layers and the pixels. */
  readonly columns: number = $derived(this.values.length);
  readonly reached: number = $derived(
    this.label === null ? 0 : Math.min(this.columns, Math.max(0, address.getNumber('back') ?? 0)),
  );

  /** The chosen layer; −1 is the pixels. What the address names may not be there in another model. */
  readonly layer: number = $derived.by(() => {
    const layer = address.getNumber('layer') ?? 0;
    return layer >= -1 && layer < this.columns - 1 ? layer : 0;
  });
  readonly unit: number = $derived.by(() => {
    const grid = this.values[this.layer + 1];
    const unit = address.getNumber('unit');
    if (!grid) return unit ?? 0;
    return unit !== null && unit >= 0 && unit < grid.values.length ? unit : strongest(grid.values);
  });

  /** What every request says. */
  look() {
    return { model: address.get('model'), pixels: specimen.pixels!, steps: this.steps };
  }

  choose(layer: number, unit: number): void {
    address.set({ layer, unit });
  }

  setLabel(label: number): void {
    address.set({ label });
  }

  setReached(reached: number): void {
    address.set({ back: reached || null });
  }

  take(count: number): void {
    if (this.label === null) return;
    const step = { label: this.label, learning_rate: this.rate };
    const more = Array.from({ length: Math.min(count, MOST_STEPS - this.steps.length) }, () => step);
    this.lastSteps = more.length || 1;
    address.set({ steps: encodeSteps([...this.steps, ...more]) }, { step: true });
  }

  undo(): void {
    this.lastSteps = 1;
    address.set({ steps: encodeSteps(this.steps.slice(0, -1)) }, { step: true });
  }

  reset(): void {
    this.lastSteps = 1;
    address.set({ steps: null }, { step: true });
  }

  /** Steps are taken on one image with one model: with another they mean nothing, unless they came with it. */
  forgetOtherSteps(): void {
    const image = ['model', 'd', 'test', 'p'].map((name) => address.get(name)).join(' ');
    const steps = address.get('steps');
    const before = this.looked;
    this.looked = { image, steps };
    if (before && before.image !== image && before.steps === steps && steps !== null) address.set({ steps: null });
  }

  async loadForward(signal: AbortSignal): Promise<void> {
    await this.ask(signal, async () => {
      const answer = await api.post('/api/inside/forward', this.look(), { signal });
      if (!signal.aborted) this.forward = answer;
    });
  }

  async loadBackward(signal: AbortSignal): Promise<void> {
    const label = this.label;
    if (label === null) {
      this.backward = null;
      return;
    }
    await this.ask(signal, async () => {
      const answer = await api.post('/api/inside/backward', { ...this.look(), label }, { signal });
      if (!signal.aborted) this.backward = answer;
    });
  }

  async loadUnit(signal: AbortSignal): Promise<void> {
    const [layer, unit] = [this.layer, this.unit];
    await this.ask(signal, async () => {
      const look = { ...this.look(), layer, unit, label: this.label };
      const answer = await api.post('/api/inside/unit', look, { signal });
      if (!signal.aborted) [this.unitAnswer, this.unitAt] = [answer, { layer, unit }];
    });
  }

  private async ask(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!signal.aborted) toasts.complain(error);
    }
  }
}

/** The place of the largest number. */
export function strongest(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) if (values[index]! > values[best]!) best = index;
  return best;
}

export const glass = new Glass();
