import type { Change, Keys } from './store.ts';

/** A watcher that falls further behind has no queue. It reads the changes from the store instead. */
const queuedAtMost = 1_000;

/** Publishes committed changes, in order, to all watchers. */
export class Feed {
  readonly #watchers = new Set<(changes: readonly Change[]) => void>();
  #closed = false;

  publish(changes: readonly Change[]): void {
    for (const notify of this.#watchers) notify(changes);
  }

  close(): void {
    this.#closed = true;
    this.publish([]);
  }

  /**
   * `kept` returns the stored changes after a revision. It is called first with `since`, and again when the watcher
   * fell behind.
   */
  async *watch(
    keys: Keys,
    since: number,
    kept: (after: number) => Change[],
    signal: AbortSignal,
  ): AsyncIterable<Change> {
    let queue: Change[] = [];
    let readFrom: number | undefined = since;
    let wake = (): void => {};
    const notify = (changes: readonly Change[]): void => {
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
      // A change of other keys does not wake the watcher. Otherwise each change would cost a step for each watcher.
      if (queue.length > 0 || readFrom !== undefined || this.#closed) wake();
    };
    const onAbort = (): void => wake();
    this.#watchers.add(notify);
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
      this.#watchers.delete(notify);
      signal.removeEventListener('abort', onAbort);
    }
  }
}
