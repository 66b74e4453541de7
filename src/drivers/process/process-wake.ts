import { watch } from 'node:fs';
import type { Clock } from '../../platform/clock.ts';
import { isCode } from '../../platform/code.ts';

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
