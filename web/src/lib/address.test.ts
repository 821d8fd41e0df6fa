import { expect, it } from 'vitest';
import { formatHash, parseHash } from './address.svelte';

it('a room and its values are written and read', () => {
  const values = { model: 'my model & co', d: 'a-_b', n: '2' };
  expect(parseHash(formatHash('inside', values))).toEqual({ room: 'inside', values });
  expect(formatHash('draw', {})).toBe('#/draw');
});

it('an address that makes no sense opens the first room', () => {
  expect(parseHash('').room).toBe('draw');
  expect(parseHash('#/attic?x=1')).toEqual({ room: 'draw', values: { x: '1' } });
});
