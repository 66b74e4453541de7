import type { Entry } from './logs.ts';
import { hashOf, type Place, type Position } from './position.ts';

/** The lines of standard output that the log has from that instant on, to its present end. */
export type ReadLog = (since: number) => AsyncIterable<Entry>;

export interface Logged {
  text: string;
  at: number;
  /** Lines before this one may be lost. */
  gap: boolean;
}

/**
 * What the log has behind a position. Where it no longer has the counted lines, the position is looked for from the
 * beginning of the run by its hashes. The first place where they fit counts: of lines that repeat themselves some are then
 * told twice, and none is lost. Where nothing fits, all that there is comes, with a gap before it.
 *
 * @param begin where the run begins
 * @param ended a last line without its newline is one too
 */
export async function* behind(
  position: Position,
  read: ReadLog,
  options: { begin: number; ended: boolean },
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

async function* searched(
  position: Position,
  read: ReadLog,
  options: { begin: number; ended: boolean },
): AsyncGenerator<Logged> {
  const place = position.place();
  const last: number[] = [];
  let seen = 0;
  /** All so far, until the place is found. */
  let held: Logged[] | undefined = [];
  /** Behind fewer lines than there are hashes of, where a log that was rotated may begin between those. */
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
    last.push(hashOf(text));
    if (last.length > place.hashes.length) last.shift();
    if (!fits(last, place)) continue;
    if (last.length < place.hashes.length) atBegin = seen;
    else {
      held = undefined;
      position.count(options.begin, seen);
    }
  }
  if (held !== undefined) position.count(options.begin, atBegin);
  const [first, ...rest] = held?.slice(atBegin) ?? [];
  if (first !== undefined) yield { ...first, gap: true };
  yield* rest;
}

/** As many as there are of both; a log that was rotated may begin between them. */
function fits(last: readonly number[], { hashes }: Place): boolean {
  const count = Math.min(last.length, hashes.length);
  return count > 0 ? last.slice(-count).every((hash, index) => hash === hashes.at(index - count)) : true;
}
