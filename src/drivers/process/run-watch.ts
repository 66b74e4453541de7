import { type FSWatcher, watch } from 'node:fs';
import { basename } from 'node:path';
import type { Cancel, Clock } from '../../platform/clock.ts';
import { isCode } from '../../platform/code.ts';
import type { Log } from '../../platform/log.ts';
import type { Looks } from '../proc.ts';
import { cgroupOf, lives, type Marks, type Run } from './layout.ts';
import { killTargetOf, type Reap } from './reap.ts';

/** Signals that something may have changed in a folder since the last reset. */
export interface Wake {
  ring(): void;
  reset(): void;
  /** Resolves when it has rung since the last reset. */
  next(): Promise<void>;
  close(): void;
}

/**
 * Rings at each change in the folder. It also rings periodically, for changes that the watcher does not report, and
 * more often if there is no watcher. Throws ENOENT if the folder does not exist.
 */
export function createWake(
  folder: string,
  clock: Clock,
  pollMs: { watched: number; unwatched: number },
): Wake {
  let rung = false;
  let resolve: (() => void) | undefined;
  const ring = (): void => {
    rung = true;
    resolve?.();
    resolve = undefined;
  };
  const watcher = watchFolder(folder, ring);
  const pollEvery = watcher === undefined ? pollMs.unwatched : pollMs.watched;
  let cancel = clock.after(pollEvery, function again() {
    cancel = clock.after(pollEvery, again);
    ring();
  });
  return {
    ring,
    reset() {
      rung = false;
    },
    next: () =>
      new Promise((done) => {
        if (rung) done();
        else resolve = done;
      }),
    close() {
      watcher?.close();
      cancel();
    },
  };
}

/**
 * Returns undefined if no watcher is available, because their number is limited for each user; then the caller polls.
 * Throws ENOENT if the folder does not exist.
 */
export function watchFolder(path: string, onName: (name: string) => void): { close(): void } | undefined {
  try {
    const watcher = watch(path, { persistent: false }, (_event, name) => onName(name ?? ''));
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch (error) {
    if (isCode(error, 'ENOSPC', 'EMFILE', 'ENFILE')) return undefined;
    throw error;
  }
}

/** An active run that is watched until it has ended. */
interface Tracked {
  ref: string;
  marks: string;
  /** Whether any process of it is alive. Polled about once a second, in case no shim is left to record the end. */
  lives: () => boolean;
  /** Called once. */
  ended: () => void;
  /** Called once, when tracking stops: before `ended`, or when it is forgotten. */
  released: () => void;
}

interface Tracker {
  add(tracked: Tracked): void;
  has(marks: string): boolean;
  forget(ref: string): void;
  close(): void;
}

/** A check costs about 10 microseconds a run: 1,000 idle runs take a thousandth of a core. */
const pollMs = (runs: number): number => Math.min(Math.max(1000, runs * 10), 10_000);

/** Reports the end of runs: immediately by the exit mark, and by polling if there is no mark or no watcher. */
export function createTracker(clock: Clock, log: Log): Tracker {
  const all = new Map<string, Tracked & { watcher: FSWatcher | undefined }>();
  let cancelPoll: Cancel | undefined;
  let warned = false;

  const end = (marks: string): void => {
    const entry = all.get(marks);
    if (entry === undefined) return;
    all.delete(marks);
    entry.watcher?.close();
    entry.released();
    entry.ended();
  };

  /** If it cannot be determined, the run counts as alive until the next poll. */
  const mayLive = ({ lives, ref }: Tracked): boolean => {
    try {
      return lives();
    } catch (error) {
      log.warn({ error, ref }, 'it is unknown whether a process is running');
      return true;
    }
  };

  const poll = (): void => {
    cancelPoll = undefined;
    for (const entry of all.values()) if (!mayLive(entry)) end(entry.marks);
    if (all.size > 0) schedule();
  };
  const schedule = (): void => {
    cancelPoll ??= clock.after(pollMs(all.size), poll);
  };

  const startWatcher = (marks: string): FSWatcher | undefined => {
    try {
      const watcher = watch(marks, { persistent: false }, (_event, name) => {
        // The exit mark was created, or the folder itself was removed.
        if (name?.startsWith('exit.') || name === basename(marks)) end(marks);
      });
      watcher.on('error', () => watcher.close());
      return watcher;
    } catch (error) {
      if (!warned) log.warn({ error }, 'no file watcher is available: the ends of processes are polled');
      warned = true;
      return undefined;
    }
  };

  return {
    add(tracked) {
      if (all.has(tracked.marks)) return;
      all.set(tracked.marks, { ...tracked, watcher: startWatcher(tracked.marks) });
      schedule();
      // It may have ended before the watcher started.
      if (!mayLive(tracked)) end(tracked.marks);
    },
    has: (marks) => all.has(marks),
    forget(ref) {
      for (const entry of all.values())
        if (entry.ref === ref) {
          all.delete(entry.marks);
          entry.watcher?.close();
          entry.released();
        }
    },
    close() {
      cancelPoll?.();
      for (const entry of all.values()) entry.watcher?.close();
      all.clear();
    },
  };
}

/**
 * Emits hints of changes, and kills the remaining processes of a run whose main process has ended, as the end of a
 * container does.
 */
interface Ends {
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
