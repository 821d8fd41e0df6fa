// THE digit that all rooms look at: drawn, taken from the test set, or from a picture that was dropped. It lives in the
// address (`d=` strokes, `n=` which of the digits drawn, `test=` index, `p=` the 784 pixels of a picture), so it is kept
// from room to room.

import { address } from './address.svelte';
import { api, type Schemas } from './api';
import { decodeStrokes, encodeStrokes, fromBase64url, smooth, toBase64url, type Stroke } from './strokes';
import { toasts } from './toasts.svelte';

export const SIDE = 28;

/** What is looked at until something was drawn or chosen: a 3, as somebody wrote it. */
const EXAMPLE: Stroke[] = [
  smooth([
    [377, 214],
    [427, 160],
    [505, 140],
    [583, 164],
    [613, 227],
    [582, 293],
    [512, 330],
    [474, 343],
    [561, 355],
    [627, 403],
    [640, 483],
    [594, 559],
    [505, 599],
    [430, 595],
    [372, 562],
  ]),
];

export type Kind = 'drawing' | 'test' | 'picture';

class Specimen {
  /** 784 shades, 0 paper, 255 ink, as the network sees them; null where nothing is drawn, or not yet known. */
  pixels = $state<number[] | null>(null);
  /** The right answer, where it is known: of test images. */
  label = $state<number | null>(null);

  get kind(): Kind {
    if (address.get('p') !== null) return 'picture';
    return address.get('test') !== null ? 'test' : 'drawing';
  }

  /** Whether nothing was drawn or chosen yet. */
  get isExample(): boolean {
    return this.kind === 'drawing' && address.get('d') === null;
  }

  /** Of a drawing. */
  get strokes(): Stroke[] {
    return this.isExample ? EXAMPLE : decodeStrokes(address.get('d') ?? '');
  }

  /** Of a test image. */
  get index(): number {
    return address.getNumber('test') ?? 0;
  }

  /** Which of the digits of a drawing; 0 is the first. */
  get which(): number {
    return Math.min(999, Math.max(0, address.getNumber('n') ?? 0));
  }

  /** What to call it: "your drawing", "test image 12". */
  get name(): string {
    if (this.isExample) return 'the example';
    return { drawing: 'your drawing', picture: 'your picture', test: `test image ${this.index}` }[this.kind];
  }

  drawn(strokes: readonly Stroke[]): void {
    address.set({ d: encodeStrokes(strokes), n: null, test: null, p: null });
  }

  choose(index: number): void {
    address.set({ test: index, d: null, n: null, p: null });
  }

  /** A picture, once it is prepared, and which of its digits that is. */
  pictured(pixels: readonly number[], which: number): void {
    address.set({ p: toBase64url(pixels), n: which || null, d: null, test: null });
  }

  /** Look at another digit of the same drawing or picture. */
  chooseDigit(which: number): void {
    address.set({ n: which || null });
  }

  /**
   * Make `pixels` and `label` follow the address. App.svelte calls it in an effect; rooms only read. The Draw room has
   * the pixels of a drawing from its own answers and sets them itself.
   */
  async follow(signal: AbortSignal): Promise<void> {
    try {
      if (this.kind === 'test') {
        const image: Schemas['LabelledImage'] = await api.get('/api/images/{index}', {
          path: { index: this.index },
          signal,
        });
        if (!signal.aborted) [this.pixels, this.label] = [image.pixels, image.label];
      } else if (this.kind === 'picture') {
        const pixels = [...fromBase64url(address.get('p') ?? '')];
        [this.pixels, this.label] = [pixels.length === SIDE * SIDE ? pixels : null, null];
      } else {
        this.label = null;
        const strokes = this.strokes;
        if (!strokes.length) this.pixels = null;
        else if (address.room !== 'draw') {
          const drawing = { strokes: strokes.map(toWire), which: this.which, model: address.get('model') };
          const answer = await api.post('/api/draw/prepare', drawing, { signal });
          if (!signal.aborted) this.pixels = answer.pixels;
        }
      }
    } catch (error) {
      if (!signal.aborted) toasts.complain(error);
    }
  }
}

/** A stroke as the server takes it: `[x, y, width]` a point. */
export const toWire = (stroke: Stroke): [number, number, number][] => stroke.map(({ x, y, width }) => [x, y, width]);

export const specimen = new Specimen();
