import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Cancel, Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { Retries } from '../platform/retry.ts';

const minute = 60_000;
const hour = 60 * minute;
const retry = { from: 10_000, upTo: 5 * minute };
/** A watch that falls further behind, in writes or in time, lists again; so does a list whose pages are older. */
const keptRevisions = 10_000;
const keptMinutes = 5;

interface Kept {
  store: { revision(): number; compact(revision: number): Promise<void> };
  registry: { expireEvents(now: number): Promise<unknown> };
  /** Of messages. */
  journal: { tidy(): Promise<void> };
  clock: Clock;
  log: Log;
}

/**
 * Each minute old Events and old revisions go, each hour old messages. One step that fails is tried again by itself, and
 * holds up no other. Answers how to end it.
 */
export function housekeeping({ store, registry, journal, clock, log }: Kept): () => void {
  /** Where the store was at the last looks, the oldest first. */
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
/** Of what there was after the last time; less is not worth the pause. */
const growth = 1.3;

/**
 * A burst of work leaves V8 with a heap of garbage, which it keeps for the next one: after the start of 1,000 agents 270
 * MB, for 40 MB of objects. So when nothing has been written for a while, it is told to give back what it does not need.
 * Answers how to end it.
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
