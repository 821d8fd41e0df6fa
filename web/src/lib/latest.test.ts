import { expect, it, vi } from 'vitest';
import { Latest } from './latest';

it('asks one question at a time, and of those that wait only the latest', async () => {
  const answers: ((answer: string) => void)[] = [];
  const ask = vi.fn((_: number) => new Promise<string>((resolve) => answers.push(resolve)));
  const told: [string, number][] = [];
  const latest = new Latest<number, string>(
    ask,
    (answer, question) => told.push([answer, question]),
    () => {},
  );
  for (const question of [1, 2, 3, 4]) latest.put(question);
  expect(ask.mock.calls).toEqual([[1]]);
  expect(latest.isWaiting).toBe(true);
  answers[0]!('one');
  await vi.waitFor(() => expect(ask.mock.calls).toEqual([[1], [4]]));
  expect(latest.isWaiting).toBe(false);
  answers[1]!('four');
  await vi.waitFor(() => expect(told).toHaveLength(2));
  expect(told).toEqual([
    ['one', 1],
    ['four', 4],
  ]);
});

it('pauses after an answer, but not before a question that is asked at once', async () => {
  vi.useFakeTimers();
  const ask = vi.fn((_: number) => new Promise<void>((resolve) => setTimeout(resolve, 40)));
  const latest = new Latest<number, void>(
    ask,
    () => {},
    () => {},
    (_, took) => 2 * took,
  );
  latest.put(1, false);
  await vi.advanceTimersByTimeAsync(50);
  latest.put(2, false);
  await vi.advanceTimersByTimeAsync(69);
  expect(ask).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(2);
  expect(ask).toHaveBeenLastCalledWith(2);
  latest.put(3, false);
  await vi.advanceTimersByTimeAsync(45);
  latest.put(4);
  await vi.advanceTimersByTimeAsync(0);
  expect(ask.mock.calls).toEqual([[1], [2], [4]]);
  vi.useRealTimers();
});

it('goes on after a question that failed', async () => {
  const failed = vi.fn();
  const told = vi.fn();
  const latest = new Latest<number, number>(
    async (question) => {
      if (question === 1) throw new Error('no');
      return question;
    },
    told,
    failed,
  );
  latest.put(1);
  latest.put(2);
  await vi.waitFor(() => expect(told).toHaveBeenCalledWith(2, 2));
  expect(failed).toHaveBeenCalledOnce();
});
