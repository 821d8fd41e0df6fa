// Which models there are, and which one is looked at: `model=` in the address, or the studio's default, which is another
// one for drawings: one that also knows what is no digit.

import { tick } from 'svelte';
import { address } from './address.svelte';
import { allAnswered, api, type Schemas } from './api';
import { toasts } from './toasts.svelte';

const MOST_BYTES = 64 * 2 ** 20; // of a model file

/** "my model (2).pkl" → "my-model-2": letters, digits, dots, dashes and underscores, 40 at most. */
export function nameOf(fileName: string): string {
  const stem = fileName.replace(/\.\w+$/, '').replaceAll(/[^A-Za-z0-9._-]+/g, '-');
  return stem.replaceAll(/^[^A-Za-z0-9]+|-+$/g, '').slice(0, 40) || 'model';
}

class Models {
  list = $state<Schemas['Model'][]>([]);
  private defaults = $state({ reading: '', other: '' });

  /** Ask the studio; call it again after a model was saved. */
  async load(): Promise<void> {
    try {
      const found = await api.get('/api/models');
      this.list = found.models;
      this.defaults = { reading: found.default_reader, other: found.default };
    } catch (error) {
      toasts.complain(error);
    }
  }

  /** What the room takes where none is chosen. */
  get default(): string {
    return address.room === 'draw' ? this.defaults.reading : this.defaults.other;
  }

  /** The name of the model that is looked at; empty until the studio has answered. */
  get name(): string {
    return address.get('model') ?? this.default;
  }

  get chosen(): Schemas['Model'] | undefined {
    return this.list.find((model) => model.name === this.name);
  }

  choose(name: string): void {
    address.set({ model: name });
  }

  /** Bring in a model file, under its own name as far as a model can have it, and look at it. */
  async open(file: File): Promise<void> {
    if (file.size > MOST_BYTES) return toasts.complain('The model file has over 64 MiB; the studio takes no more.');
    const name = nameOf(file.name);
    try {
      await api.upload('put', '/api/models/{name}', file, { path: { name } });
      await this.load();
      this.choose(name);
    } catch (error) {
      toasts.complain(error);
    }
  }

  /** Forget a model that was saved here and look at the default; once no question about it is on its way, delete it. */
  async remove(name: string): Promise<void> {
    this.list = this.list.filter((model) => model.name !== name);
    address.set({ model: null });
    try {
      await tick(); // what follows the address asks anew
      await allAnswered();
      await api.delete('/api/models/{name}', { path: { name } });
    } catch (error) {
      toasts.complain(error);
      await this.load(); // it is still there
    }
  }
}

export const models = new Models();
