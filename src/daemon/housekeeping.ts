import type { Cancel, Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';

const every = 60_000;
const journalEvery = 3_600_000;
/** Watches that fall behind further than this list again. */
const keptRevisions = 10_000;

interface Kept {
  store: { revision(): number; compact(revision: number): Promise<void> };
  registry: { expireEvents(now: number): Promise<unknown> };
  /** Of messages. */
  journal: { tidy(): Promise<void> };
  clock: Clock;
  log: Log;
}

/** Each minute old Events and old revisions go, each hour old messages. Answers how to end it. */
export function housekeeping({ store, registry, journal, clock, log }: Kept): () => void {
  let cancel: Cancel = () => {};
  let ended = false;
  let tidied = clock.now();
  const tidy = async (): Promise<void> => {
    try {
      await registry.expireEvents(clock.now());
      if (clock.now() - tidied >= journalEvery) {
        tidied = clock.now();
        await journal.tidy();
      }
      await store.compact(Math.max(0, store.revision() - keptRevisions));
    } catch (error) {
      log.warn({ err: error }, 'old Events, messages and revisions could not be removed');
    }
    if (!ended) cancel = clock.after(every, () => void tidy());
  };
  cancel = clock.after(every, () => void tidy());
  return () => {
    ended = true;
    cancel();
  };
}
