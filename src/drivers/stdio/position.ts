import { crc32 } from 'node:zlib';
import { DriverError, type LogLine } from '../driver.ts';

/**
 * A reader's place in the standard output of a run, in a form that can be found again in the engine's log: after the
 * `skip`th line whose time is `since` or later, and after lines with these hashes. The count distinguishes equal lines.
 * The hashes show whether the log is no longer the one that was counted, because it was rotated or a clock was set
 * back.
 */
interface Place {
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

/** A line of the log. `open`: it is the last line, and its newline has not come yet. */
export interface Entry extends LogLine {
  open: boolean;
}

/** Reads the lines of standard output in the log, from the given instant to the current end. */
export type ReadLog = (since: number) => AsyncIterable<Entry>;

export interface Logged {
  text: string;
  at: number;
  /** Lines before this one may have been lost. */
  gap: boolean;
}

/**
 * Yields the lines in the log after a position. If the log no longer has the counted lines, the position is searched by
 * its hashes from the beginning of the run. The first match is used: if lines repeat, some may be delivered twice, but
 * none is lost. If nothing matches, all lines are yielded, with a gap before the first.
 *
 * @param begin when the run began
 * @param ended the run has ended, so that a last line without a newline is complete
 * @param most how many characters of lines are buffered during the search
 */
export async function* behind(
  position: Position,
  read: ReadLog,
  options: { begin: number; ended: boolean; most?: number },
): AsyncGenerator<Logged> {
  const place = position.place();
  let seen = 0;
  const last: number[] = [];
  for await (const { text, at = place.since, open } of read(place.since)) {
    if (open && !options.ended) break;
    if (seen < place.skip) {
      seen += 1;
      last.push(hashOf(text));
      if (last.length > place.hashes.length) last.shift();
      if (seen === place.skip && !fits(last, place)) {
        seen = -1;
        break;
      }
      position.saw(at);
    } else yield { text, at, gap: false };
  }
  if (seen !== place.skip) yield* searched(position, read, options);
}

/** How many characters of lines are buffered during the search. */
const mostHeld = 32 * 1024 * 1024;

async function* searched(
  position: Position,
  read: ReadLog,
  options: { begin: number; ended: boolean; most?: number },
): AsyncGenerator<Logged> {
  const { most = mostHeld } = options;
  const place = position.place();
  const last: number[] = [];
  let seen = 0;
  /** All lines so far, until the position is found. If they exceed the limit, only the last of them. */
  let held: Logged[] | undefined = [];
  let heldText = 0;
  let dropped = 0;
  /** A rotated log may begin among the hashed lines. Then fewer lines than hashes precede the position. */
  let atBegin = 0;
  for await (const { text, at = place.since, open } of read(options.begin)) {
    if (open && !options.ended) break;
    if (held === undefined) {
      yield { text, at, gap: false };
      continue;
    }
    seen += 1;
    position.saw(at);
    held.push({ text, at, gap: false });
    heldText += text.length;
    if (heldText > most) {
      const half = held.splice(0, Math.ceil(held.length / 2));
      heldText -= half.reduce((sum, line) => sum + line.text.length, 0);
      dropped += half.length;
    }
    last.push(hashOf(text));
    if (last.length > place.hashes.length) last.shift();
    if (!fits(last, place)) continue;
    if (last.length < place.hashes.length) atBegin = seen;
    else {
      held = undefined;
      position.count(options.begin, seen);
    }
  }
  const skip = Math.max(atBegin, dropped);
  if (held !== undefined) position.count(options.begin, skip);
  const [first, ...rest] = held?.slice(skip - dropped) ?? [];
  if (first !== undefined) yield { ...first, gap: true };
  yield* rest;
}

/** Compares as many lines as both have, because a rotated log may begin among the hashed lines. */
function fits(last: readonly number[], { hashes }: Place): boolean {
  const count = Math.min(last.length, hashes.length);
  return count > 0 ? last.slice(-count).every((hash, index) => hash === hashes.at(index - count)) : true;
}
