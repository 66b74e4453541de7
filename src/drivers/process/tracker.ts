import { type FSWatcher, watch } from 'node:fs';
import { basename } from 'node:path';
import type { Cancel, Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';

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

export interface Tracker {
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
