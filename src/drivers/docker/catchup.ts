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
 * @param most characters of lines that are held while the place is looked for
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

/** Characters of lines that are held while a place is looked for. */
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
  /** All so far, until the place is found; of more than is held the end. */
  let held: Logged[] | undefined = [];
  let heldText = 0;
  let dropped = 0;
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

/** As many as there are of both; a log that was rotated may begin between them. */
function fits(last: readonly number[], { hashes }: Place): boolean {
  const count = Math.min(last.length, hashes.length);
  return count > 0 ? last.slice(-count).every((hash, index) => hash === hashes.at(index - count)) : true;
}
