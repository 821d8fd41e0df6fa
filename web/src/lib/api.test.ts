import { expect, it, vi } from 'vitest';
import { allAnswered, api, decodeArray, urlOf } from './api';

it('addresses are filled in and escaped', () => {
  expect(urlOf('/api/models/{name}/file', { path: { name: 'a b/c' } })).toBe('./api/models/a%20b%2Fc/file');
  expect(urlOf('/api/images', { query: { index: [3, 7], model: null } })).toBe('./api/images?index=3&index=7');
});

it('arrays are decoded as the studio sends them', () => {
  const data = btoa(String.fromCharCode(...new Uint8Array(new Float64Array([1.5, -2]).buffer)));
  const { shape, values } = decodeArray({ shape: [2], dtype: 'float64', data });
  expect(shape).toEqual([2]);
  expect([...values]).toEqual([1.5, -2]);
  expect(() => decodeArray({ shape: [1], dtype: 'complex64', data: '' })).toThrow('complex64');
});

it('one can wait until all is answered, and what is asked upon an answer', async () => {
  const answers: ((value: Response) => void)[] = [];
  vi.stubGlobal('fetch', () => new Promise<Response>((resolve) => answers.push(resolve)));
  let waited = false;
  const both = api.get('/api/models').then(() => api.get('/api/models'));
  const waiting = allAnswered().then(() => (waited = true));
  answers[0]!(Response.json({}));
  await vi.waitFor(() => expect(answers).toHaveLength(2));
  expect(waited).toBe(false);
  answers[1]!(new Response(null, { status: 500 }));
  await expect(both).rejects.toThrow('status 500');
  await waiting;
  await allAnswered();
  vi.unstubAllGlobals();
});
