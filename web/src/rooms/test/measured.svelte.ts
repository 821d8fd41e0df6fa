// What the studio measures for seconds: it is asked again until the result is there.

import { toasts } from '../../lib/toasts.svelte';

interface Answer<T> {
  progress: number;
  result: T | null;
}

const AGAIN_MS = 300;

/** Ask until there is a result. */
export async function untilMeasured<T>(
  ask: () => Promise<Answer<T>>,
  onprogress: (progress: number) => void,
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    const { progress, result } = await ask();
    signal.throwIfAborted();
    onprogress(progress);
    if (result !== null) return result;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    signal.throwIfAborted();
  }
}

/** A result that follows what is chosen, with the progress of the one to come. */
export class Measured<T> {
  result = $state.raw<T | null>(null);
  progress = $state(0);
  busy = $state(false);

  /** Measure anew. To be called in an `$effect`, which is to return what this returns: it ends the asking. */
  follow(
    ask: (signal: AbortSignal) => Promise<Answer<T>>,
    options: { keep?: boolean; after?: number } = {},
  ): () => void {
    const end = new AbortController();
    if (!options.keep) this.result = null;
    this.busy = true;
    this.progress = 0;
    const begin = setTimeout(() => void this.measure(ask, end.signal), options.after ?? 0);
    return () => {
      clearTimeout(begin);
      end.abort();
    };
  }

  private async measure(ask: (signal: AbortSignal) => Promise<Answer<T>>, signal: AbortSignal): Promise<void> {
    try {
      this.result = await untilMeasured(
        () => ask(signal),
        (progress) => (this.progress = progress),
        signal,
      );
    } catch (error) {
      if (!signal.aborted) toasts.complain(error);
    }
    if (!signal.aborted) this.busy = false;
  }
}

/** One answer that follows what is chosen; the last one stays until the next is there. */
export class Latest<T> {
  value = $state.raw<T | null>(null);

  /** Ask anew. To be called in an `$effect`, which is to return what this returns. */
  follow(ask: (signal: AbortSignal) => Promise<T>): () => void {
    const end = new AbortController();
    ask(end.signal).then(
      (value) => {
        if (!end.signal.aborted) this.value = value;
      },
      (error: unknown) => {
        if (!end.signal.aborted) toasts.complain(error);
      },
    );
    return () => end.abort();
  }
}
