import { type FSWatcher, watch } from 'node:fs';
import { basename } from 'node:path';
import type { Cancel, Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';

/** One running run, watched until it has ended. */
interface Tracked {
  ref: string;
  marks: string;
  /** Does anything of it still live? Asked about once a second, in case no shim is left to write its end. */
  lives: () => boolean;
  /** Called once. */
  ended: () => void;
  /** Called once, when it is followed no longer: before `ended`, or where it is forgotten. */
  released: () => void;
}

export interface Tracker {
  add(tracked: Tracked): void;
  has(marks: string): boolean;
  forget(ref: string): void;
  close(): void;
}

/** A look costs about 10 microseconds a run: 1,000 runs at rest take a thousandth of a core. */
const pollMs = (runs: number): number => Math.min(Math.max(1000, runs * 10), 10_000);

/** Tells the end of runs: at once by the exit mark, and by polling where there is no mark or no watcher can be had. */
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

  /** What cannot be found out is asked again at the next poll. */
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
        // Its exit, or the folder itself was taken away.
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
      // It may have ended before the watcher came up.
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
