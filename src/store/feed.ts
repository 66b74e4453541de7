import type { Change } from './store.ts';

/** Hands out committed changes, in order, to all who watch. A watcher that falls behind keeps its own queue. */
export class Feed {
  readonly #watchers = new Set<(changes: readonly Change[]) => void>();
  #closed = false;

  publish(changes: readonly Change[]): void {
    for (const tell of this.#watchers) tell(changes);
  }

  close(): void {
    this.#closed = true;
    this.publish([]);
  }

  /** First `kept`, which is read when the watch begins, then what is published from then on. */
  async *watch(prefix: string, kept: () => Change[], signal: AbortSignal): AsyncIterable<Change> {
    const queue: Change[] = [];
    let wake = (): void => {};
    const tell = (changes: readonly Change[]): void => {
      for (const change of changes) if (change.key.startsWith(prefix)) queue.push(change);
      wake();
    };
    const onAbort = (): void => wake();
    this.#watchers.add(tell);
    signal.addEventListener('abort', onAbort);
    try {
      yield* kept();
      while (!signal.aborted) {
        const batch = queue.splice(0);
        for (const change of batch) {
          if (signal.aborted) return;
          yield change;
        }
        if (queue.length > 0) continue;
        if (this.#closed) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (signal.aborted || queue.length > 0) resolve();
        });
      }
    } finally {
      this.#watchers.delete(tell);
      signal.removeEventListener('abort', onAbort);
    }
  }
}
