import { describe, expect, it } from 'vitest';
import { cellOf, column, indexAt, LARGEST, layoutOf, nameOf, neighbour, sizeOf } from './cells';
import { counted, decimalsOf, fixed, largest, roundToSum, written } from './numbers';
import { seenShape } from './seen';
import { decodeSteps, encodeSteps, MOST_STEPS } from './steps';
import { summaryOf } from './verdicts';
import type { Schemas } from '../../lib/api';

describe('cells', () => {
  it.each([[[256]], [[10]], [[24, 28, 28]], [[64, 3, 3]], [[7]], [[1]], [[1, 28, 28]], [[128, 7, 7]], [[3136]]])(
    'every number of %j has a cell of its own, found again by its place',
    (shape) => {
      const layout = layoutOf(shape);
      const count = shape.reduce((product, side) => product * side, 1);
      for (let index = 0; index < count; index++) {
        const { x, y } = cellOf(layout, index);
        expect(indexAt(layout, x + 0.5, y + 0.5, count)).toBe(index);
      }
      const { width, height } = sizeOf(layout);
      expect(width * layout.scale).toBeLessThanOrEqual(LARGEST.width);
      expect(height * layout.scale).toBeLessThanOrEqual(LARGEST.height);
    },
  );

  it('leaves no holes where the count can be divided', () => {
    const { columns, rows } = layoutOf([256]);
    expect(columns * rows).toBe(256);
  });

  it('knows gaps', () => {
    const layout = layoutOf([4, 3, 3]);
    expect(indexAt(layout, 3.5, 0, 36)).toBeNull();
    expect(indexAt(layout, -1, 0, 36)).toBeNull();
  });

  it('goes by keys, from map to map', () => {
    const layout = { columns: 2, rows: 2, height: 3, width: 3, gap: 1, scale: 1 };
    expect(neighbour(layout, 2, 'ArrowRight', 36)).toBe(9);
    expect(neighbour(layout, 6, 'ArrowDown', 36)).toBe(18);
    expect(neighbour(layout, 0, 'ArrowLeft', 36)).toBe(0);
    expect(neighbour(layout, 4, 'PageDown', 36)).toBe(13);
    expect(neighbour(layout, 4, 'End', 36)).toBe(35);
    expect(neighbour(layout, 4, 'a', 36)).toBeNull();
    expect(neighbour(column(10, 16), 3, 'ArrowDown', 10)).toBe(4);
  });

  it('names places', () => {
    expect(nameOf([128], 17)).toBe('unit 17');
    expect(nameOf([3, 4, 5], 33)).toBe('map 1, row 2, column 3');
  });
});

describe('numbers', () => {
  it('rounds so that the sum as written is right', () => {
    for (let seed = 1; seed < 200; seed++) {
      const values = Array.from({ length: 9 }, (_, n) => Math.sin(seed * 7.3 + n * n));
      const total = values.reduce((sum, value) => sum + value, 0);
      const rounded = roundToSum(values, total, 4);
      const inUnits = rounded.map((value) => Math.round(value * 1e4));
      expect(inUnits.reduce((sum, value) => sum + value, 0)).toBe(Math.round(total * 1e4));
      rounded.forEach((value, n) => expect(Math.abs(value - values[n]!)).toBeLessThanOrEqual(1.0001e-4));
    }
  });

  it('writes what can be read', () => {
    expect(written(0.123456)).toBe('0.1235');
    expect(written(-12.3456)).toBe('−12.35');
    expect(written(0.00001234)).toBe('1.234e−5');
    expect(written(0)).toBe('0');
    expect(written(0.5, 9)).toBe('0.500000000');
    expect(fixed(-0.00001, 4)).toBe('0.0000');
    expect(decimalsOf([0.000012])).toBe(8);
    expect(decimalsOf([12])).toBe(4);
    expect(counted(1, 'number')).toBe('1 number');
    expect(counted(1024, 'number')).toBe('1,024 numbers');
  });
});

describe('steps', () => {
  it('are written in runs and read again', () => {
    const three = { label: 3, learning_rate: 0.001 };
    const steps = [...Array.from({ length: 10 }, () => three), { label: 5, learning_rate: 1e-7 }];
    expect(encodeSteps(steps)).toBe('3*0.001*10_5*1e-7*1');
    expect(decodeSteps(encodeSteps(steps))).toEqual(steps);
    expect(encodeSteps([])).toBeNull();
    expect(decodeSteps(null)).toEqual([]);
  });

  it('are left out where they are none', () => {
    expect(decodeSteps('12*0.1*1_x_3*-1*2_3*0.1*zwei_4*0.5')).toEqual([{ label: 4, learning_rate: 0.5 }]);
    expect(decodeSteps('1*0.1*99999')).toHaveLength(MOST_STEPS);
  });
});

describe('what a unit sees', () => {
  const forward = {
    layers: [
      { kind: 'Conv2D', input_shape: [1, 28, 28], output_shape: [4, 28, 28] },
      { kind: 'Flatten', input_shape: [4, 28, 28], output_shape: [3136] },
      { kind: 'Dense', input_shape: [3136], output_shape: [10] },
    ],
  } as Schemas['Forward'];

  it('has the shape that it had before it was laid in a row', () => {
    expect(seenShape(forward, 2, [3136])).toEqual([4, 28, 28]);
    expect(seenShape(forward, 0, [784])).toEqual([1, 28, 28]);
    expect(seenShape(forward, 1, [2, 2])).toEqual([1, 2, 2]);
    expect(seenShape(forward, 0, [1, 5, 5])).toEqual([1, 5, 5]);
    expect(seenShape(forward, 1, [256])).toEqual([256]);
  });
});

describe('verdicts', () => {
  const checks = (...verdicts: string[]) => verdicts.map((verdict) => ({ verdict }) as Schemas['CheckedNumber']);

  it('are counted, those that disagree too', () => {
    expect(summaryOf(checks('agrees', 'agrees'))).toBe('All agree');
    expect(summaryOf(checks('kink', 'agrees', 'differs'))).toBe('1 agree, 1 across a kink, 1 differ');
    expect(summaryOf([])).toBe('');
  });

  it('compare with the largest', () => expect(largest([1, -3, 2])).toBe(3));
});
