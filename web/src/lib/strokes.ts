// Pen strokes, and how they are written into the address: a few bytes a point, as base64url.

/** A point of a stroke, in units of the canvas (WIDTH × HEIGHT), with the pen's width there. Whole numbers. */
export interface Point {
  x: number;
  y: number;
  width: number;
}
export type Stroke = Point[];

export const WIDTH = 1024;
export const HEIGHT = 768;
export const MOST_POINTS = 4000; // in all strokes; the server takes no more
export const MOST_STROKES = 200;
export const THINNEST = 8;
export const THICKEST = 120;

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, Math.round(value)));

/** A point on the canvas, in whole numbers within its limits. */
export function point(x: number, y: number, width: number): Point {
  return { x: clamp(x, 0, WIDTH - 1), y: clamp(y, 0, HEIGHT - 1), width: clamp(width, THINNEST, THICKEST) };
}

/** A smooth stroke through some places: a Catmull–Rom spline, eight points from one place to the next. */
export function smooth(places: readonly (readonly [number, number])[], width = 40): Stroke {
  const at = (index: number) => places[Math.min(places.length - 1, Math.max(0, index))]!;
  const stroke: Stroke = [];
  for (let place = 0; place < places.length - 1; place++) {
    for (let part = 0; part < 8; part++) {
      const t = part / 8;
      const [x, y] = [0, 1].map((axis) => {
        const [a, b, c, d] = [-1, 0, 1, 2].map((step) => at(place + step)[axis]!) as [number, number, number, number];
        return b + (t / 2) * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
      }) as [number, number];
      stroke.push(point(x, y, width));
    }
  }
  return [...stroke, point(...at(places.length - 1), width)];
}

/** Zigzag: small numbers of either sign → small numbers. */
const zigzag = (value: number) => (value < 0 ? -2 * value - 1 : 2 * value);
const unzigzag = (value: number) => (value % 2 ? -(value + 1) / 2 : value / 2);

export function encodeStrokes(strokes: readonly Stroke[]): string {
  const bytes: number[] = [];
  const put = (value: number) => {
    while (value > 127) {
      bytes.push((value % 128) + 128);
      value = Math.floor(value / 128);
    }
    bytes.push(value);
  };
  for (const stroke of strokes) {
    const even = stroke.every((each) => each.width === stroke[0]!.width); // a mouse has no pressure
    put(2 * stroke.length + Number(even));
    let before: Point = { x: 0, y: 0, width: 0 };
    stroke.forEach((each, index) => {
      put(zigzag(each.x - before.x));
      put(zigzag(each.y - before.y));
      if (index === 0 || !even) put(zigzag(each.width - before.width));
      before = each;
    });
  }
  return toBase64url(bytes);
}

/** The strokes in a text; none where it was not written by `encodeStrokes`. */
export function decodeStrokes(text: string): Stroke[] {
  const bytes = fromBase64url(text);
  let place = 0;
  const take = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[place++];
      if (byte === undefined || shift > 128 ** 3) throw new RangeError('cut short');
      value += (byte % 128) * shift;
      if (byte < 128) return value;
    }
  };
  const strokes: Stroke[] = [];
  let points = 0;
  try {
    while (place < bytes.length && strokes.length < MOST_STROKES) {
      const head = take();
      const count = Math.floor(head / 2);
      points += count;
      if (points > MOST_POINTS) return [];
      const stroke: Stroke = [];
      let [x, y, width] = [0, 0, 0];
      for (let index = 0; index < count; index++) {
        x += unzigzag(take());
        y += unzigzag(take());
        if (index === 0 || head % 2 === 0) width += unzigzag(take());
        stroke.push(point(x, y, width));
      }
      if (stroke.length) strokes.push(stroke);
    }
  } catch (error) {
    if (error instanceof RangeError) return [];
    throw error;
  }
  return strokes;
}

export function toBase64url(bytes: ArrayLike<number>): string {
  let text = '';
  for (let place = 0; place < bytes.length; place++) text += String.fromCharCode(bytes[place]!);
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

export function fromBase64url(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (each) => each.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}
