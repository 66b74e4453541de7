import type { Change, Keys } from './store.ts';

/** Of a watcher that falls further behind nothing is queued: it reads on from what the store keeps. */
const queuedAtMost = 1_000;

/** Hands out committed changes, in order, to all who watch. */
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

  /** `kept` reads what is kept after a revision: first all after `since`, and again where the watcher fell behind. */
  async *watch(
    keys: Keys,
    since: number,
    kept: (after: number) => Change[],
    signal: AbortSignal,
  ): AsyncIterable<Change> {
    let queue: Change[] = [];
    let readFrom: number | undefined = since;
    let wake = (): void => {};
    const tell = (changes: readonly Change[]): void => {
      if (readFrom === undefined) {
        for (const change of changes) {
          if (typeof keys === 'string' ? change.key.startsWith(keys) : change.key === keys.only)
            queue.push(change);
        }
        const first = queue[0];
        if (first !== undefined && queue.length > queuedAtMost) {
          readFrom = first.revision - 1;
          queue = [];
        }
      }
      // A change of other keys wakes nobody: else each change would cost a step for each watcher.
      if (queue.length > 0 || readFrom !== undefined || this.#closed) wake();
    };
    const onAbort = (): void => wake();
    this.#watchers.add(tell);
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted) {
        const after: number | undefined = readFrom;
        readFrom = undefined;
        const batch: Change[] = after === undefined ? queue : kept(after);
        queue = [];
        for (const change of batch) {
          if (signal.aborted) return;
          yield change;
        }
        if (queue.length > 0 || readFrom !== undefined) continue;
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
