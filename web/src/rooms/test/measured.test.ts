import { describe, expect, it, vi } from 'vitest';
import { untilMeasured } from './measured.svelte';

describe('what is measured for seconds', () => {
  it('is asked for again until it is there, and says how far it is', async () => {
    vi.useFakeTimers();
    const answers = [
      { progress: 0.2, result: null },
      { progress: 0.7, result: null },
      { progress: 1, result: 'done' },
    ];
    const told: number[] = [];
    const found = untilMeasured(
      () => Promise.resolve(answers.shift()!),
      (progress) => told.push(progress),
      new AbortController().signal,
    );
    await vi.runAllTimersAsync();
    expect(await found).toBe('done');
    expect(told).toEqual([0.2, 0.7, 1]);
    vi.useRealTimers();
  });

  it('is asked for no more once somebody chose something else', async () => {
    const end = new AbortController();
    const ask = vi.fn(() => {
      end.abort();
      return Promise.resolve({ progress: 0.1, result: null });
    });
    await expect(untilMeasured(ask, () => {}, end.signal)).rejects.toThrow();
    expect(ask).toHaveBeenCalledTimes(1);
  });
});
