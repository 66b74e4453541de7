import { statSync } from 'node:fs';
import type { Cancel, Clock } from '../platform/clock.ts';

const lookMs = 5_000;

/**
 * Calls back once the file is gone or another one is in its place: whoever starts a controller then finds no lock, and
 * nothing that this one writes is there any more.
 */
export function guardFile(path: string, clock: Clock, onLost: () => void): Cancel {
  const identity = (): string | undefined => {
    const found = statSync(path, { throwIfNoEntry: false, bigint: true });
    return found === undefined ? undefined : `${found.dev} ${found.ino}`;
  };
  const own = identity();
  const isLost = (): boolean => {
    try {
      return identity() !== own;
    } catch {
      return false; // it could not be looked at, which says nothing: the next look may tell
    }
  };
  const look = (): void => {
    if (isLost()) onLost();
    else cancel = clock.after(lookMs, look);
  };
  let cancel = clock.after(lookMs, look);
  return () => cancel();
}
