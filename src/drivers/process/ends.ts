import type { Cancel, Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { cgroupOf, type Marks, type Run } from './layout.ts';
import type { Looks } from './looks.ts';
import { lives } from './observe.ts';
import { killTargetOf, type Reap } from './reap.ts';
import { createTracker } from './tracker.ts';

/** Tells of changes, and kills what a run left behind once its main process has ended, as a container's end does. */
export interface Ends {
  hint(ref: string): void;
  /** Calls back on each hint; the result ends that. */
  hear(callback: (ref: string) => void): () => void;
  /** Follows a run until its end. */
  track(ref: string, run: Run, marks: Marks): void;
  sweep(run: Run, marks: Marks): Promise<void>;
  /** Whether nothing was left of that run when it had ended: a look at all processes takes its time. */
  isSwept(ref: string, run: number): boolean;
  /** In a moment: whatever comes next is not held up by it, and a start or a removal sweeps by itself. */
  sweepSoon(ref: string, run: Run, marks: Marks): void;
  forget(ref: string): void;
  /** Resolves once what was left by runs that have ended is swept: nobody would do it later. */
  close(): Promise<void>;
}

const sweepDelayMs = 50;

interface Sweep {
  cancel: Cancel;
  /** Once. */
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
      // Of its own, so that the same callback may be given twice.
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
