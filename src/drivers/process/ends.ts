import type { Cancel, Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { cgroupOf, type Marks, type Run } from './layout.ts';
import type { Looks } from './looks.ts';
import { lives } from './process-observe.ts';
import { killTargetOf, type Reap } from './reap.ts';
import { createTracker } from './tracker.ts';

/**
 * Emits hints of changes, and kills the remaining processes of a run whose main process has ended, as the end of a
 * container does.
 */
export interface Ends {
  hint(ref: string): void;
  /** Calls back on each hint. The returned function unsubscribes. */
  hear(callback: (ref: string) => void): () => void;
  /** Follows a run until its end. */
  track(ref: string, run: Run, marks: Marks): void;
  sweep(run: Run, marks: Marks): Promise<void>;
  /** Whether nothing was left of an ended run. Cached, because a look at all processes takes time. */
  isSwept(ref: string, run: number): boolean;
  /** Sweeps after a short delay, so that the next step does not wait for it. A start or a removal sweeps by itself. */
  sweepSoon(ref: string, run: Run, marks: Marks): void;
  forget(ref: string): void;
  /** Resolves once the remains of all ended runs are swept: nothing else would do it later. */
  close(): Promise<void>;
}

const sweepDelayMs = 50;

interface Sweep {
  cancel: Cancel;
  /** Runs only once. */
  begin(): Promise<unknown>;
}

export function createEnds(parts: { clock: Clock; log: Log; reap: Reap; looks: Looks }): Ends {
  const { clock, log, looks, reap } = parts;
  const tracker = createTracker(clock, log);
  const hearers = new Set<(ref: string) => void>();
  const sweeps = new Map<string, Sweep>();
  const swept = new Map<string, number>();

  const ends: Ends = {
    hint(ref) {
      for (const hear of hearers) hear(ref);
    },
    hear(callback) {
      // A new function, so that the same callback can subscribe twice.
      const hear = (ref: string): void => callback(ref);
      hearers.add(hear);
      return () => hearers.delete(hear);
    },
    isSwept: (ref, run) => swept.get(ref) === run,
    track(ref, run, marks) {
      if (tracker.has(run.folder)) return;
      const { main } = marks;
      const released =
        main === undefined || cgroupOf(run, marks) !== undefined
          ? () => {}
          : looks.remember({ instanceUid: run.meta.identity.uid, run: run.number, main });
      const ended = (): void => {
        ends.hint(ref);
        ends.sweepSoon(ref, run, marks);
      };
      tracker.add({ ref, marks: run.folder, lives: () => lives(marks), ended, released });
    },
    sweep: (run, marks) => reap({ ...killTargetOf(run, marks), spareShim: true }),
    sweepSoon(ref, run, marks) {
      sweeps.get(ref)?.cancel();
      let done: Promise<unknown> | undefined;
      const begin = (): Promise<unknown> => {
        done ??= ends
          .sweep(run, marks)
          .then(() => sweeps.get(ref) === sweep && swept.set(ref, run.number)) // unless it was forgotten meanwhile
          .catch((error: unknown) => log.warn({ error, ref }, 'processes of a run that has ended remain'))
          .finally(() => sweeps.get(ref) === sweep && sweeps.delete(ref));
        return done;
      };
      const sweep: Sweep = { cancel: clock.after(sweepDelayMs, () => void begin()), begin };
      sweeps.set(ref, sweep);
    },
    forget(ref) {
      tracker.forget(ref);
      swept.delete(ref);
      sweeps.get(ref)?.cancel();
      sweeps.delete(ref);
    },
    async close() {
      hearers.clear();
      tracker.close();
      const last = [...sweeps.values()];
      for (const { cancel } of last) cancel();
      await Promise.all(last.map(({ begin }) => begin()));
    },
  };
  return ends;
}
