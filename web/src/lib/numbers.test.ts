import { expect, it } from 'vitest';
import { percent, plain, roundedToAddUp, signed } from './numbers';

it('signs are real ones, and nothing is not negative', () => {
  expect(signed(1.2345)).toBe('+1.234');
  expect(signed(-0.5, 1)).toBe('−0.5');
  expect(signed(-0.0001)).toBe('+0.000');
  expect(plain(-12, 0)).toBe('−12');
});

it('what is nearly all is not written as all', () => {
  expect(percent(0.99995)).toBe('> 99.9 %');
  expect(percent(1)).toBe('100.0 %');
  expect(percent(0.5, 0)).toBe('50 %');
});

it('rounded parts add up to the rounded total', () => {
  for (let seed = 1; seed < 200; seed++) {
    const parts = Array.from({ length: 6 }, (_, index) => 20 * Math.sin(seed * 7.3 + index * 1.7));
    const total = parts.reduce((sum, part) => sum + part, 0);
    const rounded = roundedToAddUp(parts, total);
    const written = rounded.reduce((sum, part) => sum + Math.round(1000 * part), 0);
    expect(written).toBe(Math.round(1000 * total));
    rounded.forEach((part, index) => expect(Math.abs(part - parts[index]!)).toBeLessThanOrEqual(0.001));
  }
});
