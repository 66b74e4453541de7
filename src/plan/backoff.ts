import { type InstanceDraft, past } from './draft.ts';
import { instant, timeText } from './instant.ts';
import type { Settings } from './settings.ts';
import type { Instant } from './world.ts';

/** Returns the wait in milliseconds before the restart that follows this many failures in a row. */
export function delay({ backoff }: Settings, uid: string, failures: number): number {
  const { schedule, jitter } = backoff;
  const base = schedule[Math.min(Math.max(failures, 1) - 1, schedule.length - 1)] ?? 0;
  return Math.round(base * (1 + jitter * fraction(`${uid}/${failures}`)));
}

/** Begins the wait after a failure at `from`, by the Runtime's clock. */
export function beginWait(draft: InstanceDraft, from: Instant): void {
  draft.next.backoffFrom = timeText(past(draft, from));
  waitUntil(draft);
}

/**
 * Returns when the wait ends; undefined if there is none. The end is computed from the beginning at each call, so the
 * wait is never longer than the policy says, even after a change of the policy or after the clock was set back.
 */
export function waitUntil(draft: InstanceDraft): Instant | undefined {
  const { next, context } = draft;
  const stored = instant(next.backoffFrom);
  if (stored === undefined) return undefined;
  const from = past(draft, stored);
  const until = from + delay(context.settings, draft.uid, next.failures ?? 0);
  if (from !== stored) next.backoffFrom = timeText(from);
  if (instant(next.backoffUntil) !== until) next.backoffUntil = timeText(until);
  return until;
}

export function endWait({ next }: InstanceDraft): void {
  delete next.backoffFrom;
  delete next.backoffUntil;
}

/**
 * Resets the failure count after the instance was Ready for resetAfter. Returns when that will be, if it is still to
 * come.
 */
export function resetAfterReady(draft: InstanceDraft, until: Instant): Instant | undefined {
  const { next, context } = draft;
  const since = instant(next.readySince);
  if (since === undefined || (next.failures ?? 0) === 0) return undefined;
  const at = since + context.settings.backoff.resetAfter;
  if (until < at) return at;
  next.failures = 0;
  return undefined;
}

/** FNV-1a, 32 bits, as a fraction from 0 (included) to 1 (excluded). Spreads waits without a random number. */
export function fraction(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return ((value ^ (value >>> 16)) >>> 0) / 2 ** 32;
}
