import type { Cancel, Clock } from '../../platform/clock.ts';
import type { Intake } from './intake.ts';

/** Keeps connections that were opened before a start, until an attachment to that run takes them. */
export interface Keep {
  put(ref: string, live: Intake): void;
  started(ref: string, startId: string): void;
  /**
   * Resolves once the start of the connection is known: the engine's events may report the start before its response.
   */
  known(ref: string): Promise<void>;
  /** Returns undefined if there is none for that start. */
  take(ref: string, startId: string): Intake | undefined;
  drop(ref: string): void;
  close(): void;
}

interface Kept {
  live: Intake;
  startId: string | undefined;
  known: Promise<void>;
  tell(): void;
  cancel: Cancel;
}

/** A program blocks if it writes much output that nothing reads. It is blocked for no longer than this. */
const patienceMs = 60_000;

export function createKeep(clock: Clock): Keep {
  let closed = false;
  const kept = new Map<string, Kept>();

  const remove = (ref: string): Intake | undefined => {
    const entry = kept.get(ref);
    entry?.cancel();
    entry?.tell();
    kept.delete(ref);
    return entry?.live;
  };
  const drop = (ref: string): void => remove(ref)?.close();

  return {
    put(ref, live) {
      drop(ref);
      if (closed) return live.close();
      const { promise: known, resolve: tell } = Promise.withResolvers<void>();
      const cancel = clock.after(patienceMs, () => drop(ref));
      kept.set(ref, { live, startId: undefined, known, tell, cancel });
    },
    started(ref, startId) {
      const entry = kept.get(ref);
      if (entry === undefined) return;
      entry.startId = startId;
      entry.tell();
    },
    async known(ref) {
      await kept.get(ref)?.known;
    },
    take: (ref, startId) => (kept.get(ref)?.startId === startId ? remove(ref) : undefined),
    drop,
    close() {
      closed = true;
      for (const ref of [...kept.keys()]) drop(ref);
    },
  };
}
