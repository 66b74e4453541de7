import { crc32 } from 'node:zlib';
import { DriverError } from '../driver.ts';

/**
 * A reader's place in the standard output of a run, in a form that can be found again in the engine's log: after the
 * `skip`th line whose time is `since` or later, and after lines with these hashes. The count distinguishes equal lines.
 * The hashes show whether the log is no longer the one that was counted, because it was rotated or a clock was set
 * back.
 */
export interface Place {
  /** Milliseconds since the epoch, by the engine's clock. */
  since: number;
  skip: number;
  /** Hashes of the last lines, newest last. */
  hashes: readonly number[];
}

export interface Position {
  place(): Place;
  /** Moves the place behind one more line. `at`: its time, if it was read from the log. */
  advance(text: string, at?: number): void;
  /** A line after the place was seen again in the log. */
  saw(at: number): void;
  /** Sets the place behind `skip` lines whose time is `since` or later. */
  count(since: number, skip: number): void;
  /** All lines so far are older than this instant, and all later ones are not. */
  quietUntil(instant: number): void;
  cursor(): string;
}

/** How many lines are hashed. */
const hashed = 4;

/**
 * `since` stays this far behind the newest time, because times may go back, and the engine omits lines that are older
 * than `since`.
 */
const lagMs = 10_000;

/** An engine's log breaks characters where it splits a long line, so only printable ASCII is compared. */
export const plain = (text: string): string => text.replace(/[^ -~]+/g, '');

export const hashOf = (text: string): number => crc32(plain(text));

export function createPosition(from: Place): Position {
  let anchor = { since: from.since, skip: from.skip };
  let next = { ...anchor };
  let newest = from.since;
  let hashes = [...from.hashes];

  const move = (at: number): void => {
    if (at <= newest) return;
    newest = at;
    if (at - next.since <= lagMs) return;
    // No line so far has this time or a later one.
    anchor = next;
    next = { since: at, skip: 0 };
  };

  const count = (since: number, skip: number): void => {
    anchor = { since, skip };
    next = { since, skip };
    newest = Math.max(newest, since);
  };

  return {
    place: () => ({ ...anchor, hashes }),
    saw(at) {
      newest = Math.max(newest, at);
    },
    advance(text, at = Number.POSITIVE_INFINITY) {
      if (at !== Number.POSITIVE_INFINITY) move(at);
      if (at >= anchor.since) anchor.skip += 1;
      if (at >= next.since) next.skip += 1;
      hashes = [...hashes.slice(1 - hashed), hashOf(text)];
    },
    count,
    quietUntil(instant) {
      if (instant > newest) count(instant, 0);
    },
    cursor: () => `${anchor.since}/${anchor.skip}/${hashes.map((hash) => hash.toString(36)).join('.')}`,
  };
}

export function placeOf(cursor: string): Place {
  const [, since, skip, hashes = ''] = /^(\d{1,15})\/(\d{1,15})\/([0-9a-z.]{0,40})$/.exec(cursor) ?? [];
  if (since === undefined || skip === undefined)
    throw new DriverError(
      'Terminal',
      'InvalidCursor',
      `"${cursor.slice(0, 60)}" is not a cursor of this container's output: attach without a cursor`,
    );
  return {
    since: Number(since),
    skip: Number(skip),
    hashes: hashes === '' ? [] : hashes.split('.').map((hash) => Number.parseInt(hash, 36)),
  };
}
