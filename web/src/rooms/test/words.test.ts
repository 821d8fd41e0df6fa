import { describe, expect, it } from 'vitest';
import {
  chance,
  confidence,
  counted,
  kindName,
  median,
  nearest,
  neighbour,
  percent,
  roundly,
  sureness,
  thresholdAt,
  whole,
} from './words';

describe('numbers in words', () => {
  it('writes shares as percentages', () => {
    expect(percent(0.0056)).toBe('0.56 %');
    expect(whole(12345)).toBe('12,345');
    expect(counted(1, 'image')).toBe('1 image');
    expect(counted(2, 'image')).toBe('2 images');
    expect(kindName('shot_noise')).toBe('Shot noise');
  });

  it('never writes a confidence as the whole of it', () => {
    expect(sureness(0.999999)).toBe('> 99.9 %');
    expect(sureness(0.9994)).toBe('99.9 %');
    expect(roundly(0.9999)).toBe('> 99');
    expect(roundly(0.943)).toBe('94');
  });

  it('writes a threshold with as many nines as it needs', () => {
    const thresholds = [0, 0.5, 1 - 10 ** -1, 1 - 10 ** -2, 1 - 10 ** -2.5, 1 - 10 ** -5];
    expect(thresholds.map(confidence)).toEqual(['0', '0.5', '0.9', '0.99', '0.9968', '0.99999']);
  });

  it('says how likely chance is', () => {
    expect(chance(0.6)).toContain('often');
    expect(chance(0.0133)).toContain('once in 75 times');
    expect(chance(1e-9)).toContain('million');
  });
});

describe('thresholds', () => {
  const thresholds = [
    { threshold: 0, answered: 1000, errors: 50 },
    { threshold: 0.5, answered: 900, errors: 20 },
    { threshold: 0.9, answered: 500, errors: 0 },
  ];

  it('finds the one that answers about so many', () => {
    expect([1, 0.94, 0.72, 0.1].map((coverage) => thresholdAt(thresholds, coverage))).toEqual([0, 1, 1, 2]);
  });
});

describe('points', () => {
  const xs = [0, 1, 0, -1, 0.2];
  const ys = [0, 0, 1, 0, 0.1];

  it('finds the nearest within reach, or none', () => {
    expect(nearest(xs, ys, 0.9, 0.1, 0.3)).toBe(1);
    expect(nearest(xs, ys, 5, 5, 0.3)).toBe(-1);
  });

  it('goes to the next point in a direction, and stays where there is none', () => {
    expect(neighbour(xs, ys, 0, [1, 0])).toBe(4);
    expect(neighbour(xs, ys, 4, [1, 0])).toBe(1);
    expect(neighbour(xs, ys, 0, [0, 1])).toBe(2);
    expect(neighbour(xs, ys, 1, [1, 0])).toBe(1);
  });

  it('has a median', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([])).toBe(0);
  });
});
