import { tryDuration } from '../api/duration.ts';
import { formatTimeMs } from '../api/time.ts';
import type { Instant } from './world.ts';

/** Date's own range, so that no sum of stored times can throw. */
const last = 8.64e15;
const known = new Map<string, Instant>();

/** Reads a stored time; undefined where there is none or it is none. Remembered, since each plan reads the same ones. */
export function instant(text: string | undefined): Instant | undefined {
  if (text === undefined) return undefined;
  let at = known.get(text);
  if (at === undefined) {
    at = Date.parse(text);
    if (known.size > 20_000) known.clear();
    known.set(text, at);
  }
  return Number.isNaN(at) ? undefined : at;
}

export const timeText = (at: Instant): string =>
  formatTimeMs(Number.isNaN(at) ? 0 : Math.round(Math.min(last, Math.max(-last, at))));

/** For people: whole seconds. */
export const shortTime = (at: Instant): string => `${timeText(at).slice(0, 19).replace('T', ' ')} UTC`;

/** Milliseconds; what validation should have refused counts as `fallback`. */
export const span = (text: string | undefined, fallback: number): number =>
  (text === undefined ? undefined : tryDuration(text)) ?? fallback;
