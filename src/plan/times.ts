import { formatTimeMs, tryDuration } from '../api/time.ts';

/** An instant, in milliseconds since the Unix epoch. */
export type Instant = number;

/** The range of Date, so that no sum of stored times can throw. */
const last = 8.64e15;
const most = 20_000;
const known = new Map<string, Instant>();

/**
 * Parses a stored time. Returns undefined if it is absent or invalid. Cached, because each plan parses the same times.
 */
export function instant(text: string | undefined): Instant | undefined {
  if (text === undefined) return undefined;
  let at = known.get(text);
  if (at === undefined) {
    at = Date.parse(text);
    if (known.size > most) known.clear();
    known.set(text, at);
  }
  return Number.isNaN(at) ? undefined : at;
}

const texts = new Map<Instant, string>();

export function timeText(at: Instant): string {
  let text = texts.get(at);
  if (text === undefined) {
    text = formatTimeMs(Number.isNaN(at) ? 0 : Math.round(Math.min(last, Math.max(-last, at))));
    if (texts.size > most) texts.clear();
    texts.set(at, text);
  }
  return text;
}

/** For people, in whole seconds. */
export function shortTime(at: Instant): string {
  const text = timeText(at);
  return `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`;
}

/**
 * Parses a duration, in milliseconds. Returns `fallback` if it is absent or invalid, though validation refuses the
 * latter.
 */
export const span = (text: string | undefined, fallback: number): number =>
  (text === undefined ? undefined : tryDuration(text)) ?? fallback;
