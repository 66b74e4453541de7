import type { LogLine } from '../driver.ts';
import { hashOf, type Place, type Position } from './position.ts';

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
