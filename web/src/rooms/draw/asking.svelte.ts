// What the Draw room asks the studio, and what it was told last.

import { address } from '../../lib/address.svelte';
import { api, decodeArray, type Schemas } from '../../lib/api';
import { Latest } from '../../lib/latest';
import { specimen, toWire } from '../../lib/specimen.svelte';
import type { Stroke } from '../../lib/strokes';
import { toasts } from '../../lib/toasts.svelte';

type Question = { since: number; atOnce: boolean; model: string | null; which: number } & (
  | { kind: 'drawing'; strokes: readonly Stroke[] }
  | { kind: 'image'; pixels: readonly number[] }
  | { kind: 'file'; file: Blob }
);
interface Why {
  answer: Schemas['ReadDigit'];
  model: string | null;
  winner: number | null;
  runner_up: number | null;
}

export interface Margin {
  /** What it is the margin of. */
  answer: Schemas['ReadDigit'];
  winner: number;
  runnerUp: number;
  margin: number;
  /** 784 parts, in float64. */
  pixels: Float64Array;
  biases: Schemas['Part'][];
  rest: number;
}

const PATIENCE = 3; // times as long as a drawing waited for others, until the next is sent
const CALM = 150; // milliseconds without another answer, while the pen is down

class Asking {
  reading = $state.raw<Schemas['Reading'] | null>(null);
  margin = $state.raw<Margin | null>(null);
  /** From the last movement of the pen to the answer on the page, in milliseconds. */
  milliseconds = $state(0);

  /** Counts the drawings that stay as they are for a while: only then is there time to ask why. */
  settled = $state(0);
  private calm: ReturnType<typeof setTimeout> | undefined;

  private readings = new Latest<Question, Schemas['Reading']>(
    (question) => this.send(question),
    (reading, question) => this.told(reading, question),
    (error) => toasts.complain(error),
    (reading, took) => PATIENCE * (took - reading.milliseconds),
  );
  private margins = new Latest<Why, Schemas['Margin']>(
    ({ answer, ...why }) => api.post('/api/draw/margin', { pixels: answer.pixels, ...why }),
    (parts, { answer }) => {
      const pixels = decodeArray(parts.pixels).values as Float64Array;
      this.margin = { ...parts, answer, runnerUp: parts.runner_up, pixels };
    },
    (error) => toasts.complain(error),
  );

  /** @param atOnce whether the drawing will stay as it is for a while */
  drawing(strokes: readonly Stroke[], atOnce = true): void {
    this.put({ kind: 'drawing', strokes }, atOnce);
  }

  image(pixels: readonly number[]): void {
    this.put({ kind: 'image', pixels });
  }

  file(file: Blob): void {
    this.put({ kind: 'file', file });
  }

  /** Ask why the one is likelier than the other; null is the likeliest, and the likeliest of the others. */
  why(winner: number | null, runnerUp: number | null): void {
    const answer = this.answer;
    if (!answer) this.margin = null;
    else this.margins.put({ answer, model: address.get('model'), winner, runner_up: runnerUp });
  }

  /** The digit that is looked at. */
  get answer(): Schemas['ReadDigit'] | null {
    return this.reading?.answers[this.reading.which] ?? null;
  }

  private put(what: Record<string, unknown> & { kind: Question['kind'] }, atOnce = true): void {
    const common = { since: performance.now(), atOnce, model: address.get('model'), which: specimen.which };
    this.readings.put({ ...common, ...what } as Question, atOnce);
  }

  private send(question: Question): Promise<Schemas['Reading']> {
    const { model, which } = question;
    if (question.kind === 'drawing') {
      return api.post('/api/draw/read', { strokes: question.strokes.map(toWire), model, which });
    }
    if (question.kind === 'image') return api.post('/api/draw/image', { pixels: [...question.pixels], model });
    return api.upload('post', '/api/draw/picture', question.file, { query: { model, which } });
  }

  private told(reading: Schemas['Reading'], question: Question): void {
    this.reading = reading;
    this.milliseconds = performance.now() - question.since;
    clearTimeout(this.calm);
    if (question.atOnce) this.settled++;
    else this.calm = setTimeout(() => this.settled++, CALM);
    if (question.kind === 'image') return;
    specimen.pixels = this.answer?.pixels ?? null;
    if (question.kind === 'file' && specimen.pixels) specimen.pictured(specimen.pixels, question.which);
  }
}

export const asking = new Asking();
