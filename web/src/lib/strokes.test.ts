import { describe, expect, it } from 'vitest';
import { decodeStrokes, encodeStrokes, HEIGHT, MOST_POINTS, point, smooth, WIDTH, type Stroke } from './strokes';

const seven: Stroke[] = [
  [point(380, 180, 40), point(640, 180, 40), point(470, 600, 40)],
  [point(500, 400, 24), point(560, 396, 61)],
];

describe('strokes in the address', () => {
  it('come back as they were', () => {
    expect(decodeStrokes(encodeStrokes(seven))).toEqual(seven);
    expect(decodeStrokes(encodeStrokes([]))).toEqual([]);
  });

  it('take two or three bytes a point where the pen has one width', () => {
    const stroke = Array.from({ length: 60 }, (_, step) => point(300 + 6 * step, 300 + 4 * step, 40));
    expect(encodeStrokes([stroke]).length).toBeLessThan(60 * 3);
  });

  it('are none where the text is damaged', () => {
    const text = encodeStrokes(seven);
    for (let length = 1; length < text.length; length++) {
      for (const stroke of decodeStrokes(text.slice(0, length))) expect(stroke.length).toBeGreaterThan(0);
    }
    expect(decodeStrokes('%%%')).toEqual([]);
    expect(decodeStrokes('_____________')).toEqual([]);
  });

  it('stay on the paper, whatever the text says', () => {
    const text = encodeStrokes([[{ x: 99999, y: -5, width: 4000 }]]);
    const [[found]] = decodeStrokes(text) as [[Stroke[number]]];
    expect(found.x).toBe(WIDTH - 1);
    expect(found.y).toBe(0);
    expect(found.width).toBeLessThan(HEIGHT);
  });

  it('are refused where there are more points than the studio takes', () => {
    const stroke = Array.from({ length: MOST_POINTS + 1 }, () => point(1, 1, 40));
    expect(decodeStrokes(encodeStrokes([stroke]))).toEqual([]);
  });
});

it('a smooth stroke goes through its places', () => {
  const stroke = smooth([
    [100, 100],
    [200, 150],
    [300, 120],
  ]);
  expect(stroke[0]).toEqual(point(100, 100, 40));
  expect(stroke[8]).toEqual(point(200, 150, 40));
  expect(stroke.at(-1)).toEqual(point(300, 120, 40));
});
