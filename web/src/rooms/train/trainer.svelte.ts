// The runs of the studio, the one that is open (`run=` in the address), where its film stands (`at=`), and the ones that
// it is compared with (`with=`). While the open run trains, a WebSocket brings what is new.

import { address } from '../../lib/address.svelte';
import { api, socketUrl, type Schemas } from '../../lib/api';
import { toasts } from '../../lib/toasts.svelte';
import {
  frames,
  nearest,
  updated,
  type Preset,
  type Run,
  type Settings,
  type Summary,
  type Update,
  type View,
} from './film';

const KEPT_VIEWS = 60;
const RETRY_SECONDS = 2;

class Trainer {
  list = $state.raw<Summary[]>([]);
  presets = $state.raw<Preset[]>([]);
  /** The open run; null while none is. */
  run = $state.raw<Run | null>(null);
  /** The runs beside it in the charts. */
  others = $state.raw<Run[]>([]);
  /** What the network looks like where the film stands. */
  view = $state.raw<View | null>(null);
  /** What it looked like at its first step. */
  first = $state.raw<View | null>(null);
  loaded = $state(false);
  /** A request that changes the run is under way. */
  busy = $state(false);
  private views = new Map<string, View>();

  /** The number of the open run: of the address, or else the last one. */
  get number(): number | null {
    const wanted = address.getNumber('run');
    return this.list.some((run) => run.id === wanted) ? wanted : (this.list.at(-1)?.id ?? null);
  }

  /** The step at which the film stands; null is the present. */
  get at(): number | null {
    const wanted = address.getNumber('at');
    if (wanted === null || !this.run) return null;
    const step = nearest(frames(this.run), wanted);
    return step === this.run.step ? null : step;
  }

  /** The step that is shown. */
  get step(): number {
    return this.at ?? this.run?.step ?? 0;
  }

  get compared(): number[] {
    const wanted = (address.get('with') ?? '').split('.').map(Number);
    return this.list.map((run) => run.id).filter((id) => wanted.includes(id) && id !== this.number);
  }

  open(number: number, changes: Record<string, string | number | null> = {}): void {
    address.set({ run: number, at: null, ...changes }, { step: true });
  }

  goTo(step: number | null): void {
    address.set({ at: step === this.run?.step ? null : step });
  }

  compare(number: number, on: boolean): void {
    const chosen = on ? [...this.compared, number] : this.compared.filter((id) => id !== number);
    address.set({ with: chosen.join('.') || null });
  }

  async load(): Promise<void> {
    try {
      const [options, runs] = await Promise.all([api.get('/api/runs/options'), api.get('/api/runs')]);
      this.presets = options.presets as Preset[];
      this.list = runs.runs as Summary[];
      this.loaded = true;
    } catch (error) {
      toasts.complain(error);
    }
  }

  /** Follow a run until the signal: read it, then add what is new as it comes; try again where the connection breaks. */
  async follow(number: number, signal: AbortSignal): Promise<void> {
    this.run = this.view = this.first = null;
    try {
      const run = (await api.get('/api/runs/{number}', { path: { number }, signal })) as Run;
      if (signal.aborted) return;
      this.take(run);
      this.listen(number, signal);
      const query = { step: run.first_step };
      this.first = await api.get('/api/runs/{number}/view', { path: { number }, query, signal });
    } catch (error) {
      if (!signal.aborted) toasts.complain(error);
    }
  }

  private listen(number: number, signal: AbortSignal): void {
    const socket = new WebSocket(socketUrl('/api/runs/{number}/events', { path: { number } }));
    const close = () => socket.close();
    let isFirst = true; // it counts whatever its version: the studio may have been started anew
    signal.addEventListener('abort', close);
    socket.onmessage = (message: MessageEvent<string>) => {
      const update = JSON.parse(message.data) as Update;
      if (signal.aborted || this.run?.id !== number) return;
      this.take(updated(this.run, update), isFirst);
      isFirst = false;
      if (update.view && this.at === null) this.view = update.view;
    };
    socket.onclose = () => {
      signal.removeEventListener('abort', close);
      if (!signal.aborted && this.list.some((run) => run.id === number))
        setTimeout(() => !signal.aborted && this.listen(number, signal), RETRY_SECONDS * 1000);
    };
  }

  /** Ask what the network looks like where the film stands, unless it trains: then the pictures come by themselves. */
  async look(signal: AbortSignal): Promise<void> {
    const { run, at } = this;
    if (!run || (at === null && (run.status === 'running' || this.view?.step === run.step))) return;
    const step = at ?? run.step;
    const key = `${run.id} ${step} ${run.revision}`;
    try {
      const known = this.views.get(key);
      const view =
        known ?? (await api.get('/api/runs/{number}/view', { path: { number: run.id }, query: { step }, signal }));
      if (signal.aborted) return;
      this.views.set(key, view);
      if (this.views.size > KEPT_VIEWS) this.views.delete(this.views.keys().next().value!);
      this.view = view;
    } catch (error) {
      if (!signal.aborted) toasts.complain(error);
    }
  }

  /** Read the runs that are compared. */
  async readOthers(numbers: readonly number[], signal: AbortSignal): Promise<void> {
    try {
      const read = numbers.map((number) => api.get('/api/runs/{number}', { path: { number }, signal }));
      const others = (await Promise.all(read)) as Run[];
      if (!signal.aborted) this.others = others;
    } catch (error) {
      if (!signal.aborted) toasts.complain(error);
    }
  }

  // -- what changes something --------------------------------------------------------------------------------------

  async begin(name: string, settings: Settings, specimen: number[] | null): Promise<boolean> {
    return this.change(async () => {
      const run = (await api.post('/api/runs', { name, settings, specimen })) as Run;
      this.list = [...this.list, run];
      this.open(run.id);
      await api.post('/api/runs/{number}/start', { until: 'end' }, { path: { number: run.id } });
    });
  }

  async fork(step: number, name: string, settings: Settings): Promise<boolean> {
    const parent = this.run!.id;
    return this.change(async () => {
      const run = (await api.post(
        '/api/runs/{number}/forks',
        { name, settings, step },
        { path: { number: parent } },
      )) as Run;
      this.list = [...this.list, run];
      this.open(run.id, { with: [...new Set([...this.compared, parent])].join('.') });
      await api.post('/api/runs/{number}/start', { until: 'end' }, { path: { number: run.id } });
    });
  }

  start = (until: Schemas['Start']['until'] = 'end') =>
    this.change(async (path) => {
      this.goTo(null);
      this.take((await api.post('/api/runs/{number}/start', { until }, { path })) as Run);
    });
  pause = () =>
    this.change(async (path) => this.take((await api.post('/api/runs/{number}/pause', undefined, { path })) as Run));
  stop = () =>
    this.change(async (path) => this.take((await api.post('/api/runs/{number}/stop', undefined, { path })) as Run));
  set = (change: Schemas['Change']) =>
    this.change(async (path) => this.take((await api.patch('/api/runs/{number}', change, { path })) as Run));
  watch = (pixels: number[] | null) =>
    this.change(async (path) => {
      this.take((await api.put('/api/runs/{number}/specimen', { pixels }, { path })) as Run);
      this.view = null;
    });
  save = (name: string, step: number) =>
    this.change(async (path) => {
      await api.post('/api/runs/{number}/models', { name, step }, { path });
    });

  async remove(number: number): Promise<void> {
    await this.change(async () => {
      await api.delete('/api/runs/{number}', { path: { number } });
      this.list = this.list.filter((run) => run.id !== number);
      if (!this.list.length) this.run = this.view = null;
      address.set({ run: null, at: null, with: this.compared.join('.') || null });
    });
  }

  /** Keep what is told of the open run, unless something newer was told already: answers overtake each other. */
  private take(run: Run, inAnyCase = false): void {
    if (!inAnyCase && this.run?.id === run.id && run.version < this.run.version) return;
    this.run = run;
    this.list = this.list.map((each) => (each.id === run.id ? run : each));
  }

  /** Do something with the open run; whether it went well. */
  private async change(action: (path: { number: number }) => Promise<void>): Promise<boolean> {
    this.busy = true;
    try {
      await action({ number: this.run?.id ?? 0 });
      return true;
    } catch (error) {
      toasts.complain(error);
      return false;
    } finally {
      this.busy = false;
    }
  }
}

export const trainer = new Trainer();
