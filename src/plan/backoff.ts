import { type InstanceDraft, past } from './draft.ts';
import { instant, timeText } from './instant.ts';
import type { Settings } from './settings.ts';
import type { Instant } from './world.ts';

/** Milliseconds before the restart that follows this many failures in a row. */
export function delay({ backoff }: Settings, uid: string, failures: number): number {
  const { schedule, jitter } = backoff;
  const base = schedule[Math.min(Math.max(failures, 1) - 1, schedule.length - 1)] ?? 0;
  return Math.round(base * (1 + jitter * fraction(`${uid}/${failures}`)));
}

/** Begins the wait that follows a failure at `from`, by the Runtime's clock. */
export function beginWait(draft: InstanceDraft, from: Instant): void {
  draft.next.backoffFrom = timeText(past(draft, from));
  waitUntil(draft);
}

/**
 * When the wait ends; undefined where there is none. It is counted anew from its beginning each time, so it is never
 * longer than the policy has it: not after a change of the policy, nor after a clock that went back.
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

/** Forgets the failures once it has been Ready for resetAfter; tells when that will be. */
export function resetAfterReady(draft: InstanceDraft, until: Instant): Instant | undefined {
  const { next, context } = draft;
  const since = instant(next.readySince);
  if (since === undefined || (next.failures ?? 0) === 0) return undefined;
  const at = since + context.settings.backoff.resetAfter;
  if (until < at) return at;
  next.failures = 0;
  return undefined;
}

/** FNV-1a, 32 bits, as a fraction from 0 to 1 (1 excluded): spreads waits with no random number. */
export function fraction(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return ((value ^ (value >>> 16)) >>> 0) / 2 ** 32;
}
