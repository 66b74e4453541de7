import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Cancel, Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { Retries } from '../platform/retry.ts';

const minute = 60_000;
const hour = 60 * minute;
const retry = { from: 10_000, upTo: 5 * minute };
/** A watch that is further behind, in writes or in minutes, must list again. So must a list with older pages. */
const keptRevisions = 10_000;
const keptMinutes = 5;

interface Kept {
  store: { revision(): number; compact(revision: number): Promise<void> };
  registry: { expireEvents(now: number): Promise<unknown> };
  /** The journal of messages. */
  journal: { tidy(): Promise<void> };
  clock: Clock;
  log: Log;
}

/**
 * Removes old Events and revisions each minute, and old messages each hour. A failed step is retried and does not stop
 * the others. Returns a function that ends it.
 */
export function housekeeping({ store, registry, journal, clock, log }: Kept): () => void {
  /** The store's revisions at the last looks, oldest first. */
  const seen: number[] = [];
  const steps = [
    every(minute, 'old Events could not be removed', () => registry.expireEvents(clock.now())),
    every(minute, 'old revisions could not be removed', async () => {
      seen.push(store.revision());
      const before = seen.length > keptMinutes ? (seen.shift() ?? 0) : 0;
      await store.compact(Math.max(before, store.revision() - keptRevisions, 0));
    }),
    every(hour, 'old messages could not be removed', () => journal.tidy()),
  ];
  return () => {
    for (const end of steps) end();
  };

  function every(interval: number, what: string, step: () => Promise<unknown>): () => void {
    const retries = new Retries({ clock, log, what, ...retry });
    let ended = false;
    let cancel: Cancel = () => {};
    const run = async (): Promise<void> => {
      try {
        await step();
        retries.succeeded(what);
        if (!ended) cancel = clock.after(interval, () => void run());
      } catch (error) {
        retries.failed(what, error, () => void run());
      }
    };
    cancel = clock.after(interval, () => void run());
    return () => {
      ended = true;
      cancel();
      retries.stop();
    };
  }
}

const lookEvery = 5_000;
/** Collects only if the heap has grown by this factor since the last time. Less is not worth the pause. */
const growth = 1.3;

/**
 * Returns memory to the system when nothing has been written for a while. V8 keeps a large heap of garbage after a
 * burst of work: 270 MB for 40 MB of objects after the start of 1,000 agents. Returns a function that ends it.
 */
export function giveBackAtRest({ clock, revision }: { clock: Clock; revision: () => number }): () => void {
  setFlagsFromString('--expose-gc');
  const collect: NodeJS.GCFunction = runInNewContext('gc');
  let kept = process.memoryUsage.rss();
  let seen = revision();
  let cancel: Cancel = () => {};
  const look = (): void => {
    const isAtRest = revision() === seen;
    seen = revision();
    if (isAtRest && process.memoryUsage.rss() > kept * growth) {
      collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
      kept = process.memoryUsage.rss();
    }
    cancel = clock.after(lookEvery, look);
  };
  cancel = clock.after(lookEvery, look);
  return () => cancel();
}
