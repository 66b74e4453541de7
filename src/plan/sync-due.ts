import { syncAnnotations } from '../api/annotations.ts';
import { backoffDelay } from '../api/errors.ts';
import type { Sync } from '../api/objects.ts';
import { fraction } from './restart.ts';
import { type Instant, span } from './times.ts';

/** What this process remembers of a Sync. It is not stored. */
export interface Looks {
  /** When the last look began. Absent: there was none. */
  at?: Instant | undefined;
  /** Failed looks in a row. */
  failures: number;
  /** The annotation of the webhook at the last look. */
  webhook?: string | undefined;
  hint?: Hint | undefined;
  /** Do not look earlier, because files are being written. */
  notBefore?: Instant | undefined;
}

/** A folder or an object has changed: look at `at`, before the interval has passed. */
export interface Hint {
  what: 'Source' | 'Objects';
  at: Instant;
}

/** Merges two hints: the one that requires more work, at the earlier time. */
export const withHint = (before: Hint | undefined, hint: Hint): Hint =>
  before === undefined
    ? hint
    : { what: before.what === 'Source' ? 'Source' : hint.what, at: Math.min(before.at, hint.at) };

const firstRetry = 5_000;

/** Why to look now, or when to look next. Undefined: time alone makes nothing due. */
export type Due =
  | { now: 'Requested' | 'Changed' | 'Webhook' | 'Interval' | Hint['what'] }
  | { at: Instant }
  | undefined;

export function due(sync: Sync, looks: Looks, now: Instant): Due {
  if (sync.metadata.deletionTimestamp !== undefined) return undefined;
  const { at: last = 0, notBefore = 0 } = looks;
  const wanted = wantedAt(sync, looks, now);
  const waits = notBefore > now && last <= now;
  return waits && wanted !== undefined && 'now' in wanted ? { at: notBefore } : wanted;
}

function wantedAt(sync: Sync, looks: Looks, now: Instant): Due {
  const { annotations = {}, generation } = sync.metadata;
  const { status = {}, spec } = sync;
  const requested = annotations[syncAnnotations.requested];
  if (requested !== undefined && requested !== status.lastHandledRequest) return { now: 'Requested' };
  if (status.observedGeneration !== generation) return { now: 'Changed' };
  if (spec.suspend) return undefined;
  if (isApproved(sync) && looks.failures === 0) return { now: 'Changed' };
  if (looks.at === undefined || looks.at > now) return { now: 'Interval' }; // also after the clock was set back
  const webhook = annotations[syncAnnotations.webhook];
  if (webhook !== undefined && webhook !== looks.webhook) return { now: 'Webhook' };
  const at = looks.at + pause(sync, looks);
  if (at <= now) return { now: 'Interval' };
  const { hint } = looks;
  if (hint === undefined) return { at };
  return hint.at <= now ? { now: hint.what } : { at: Math.min(at, hint.at) };
}

/** Whether the revision that waits for approval has it. */
const isApproved = ({ metadata, status }: Sync): boolean =>
  status?.pendingApproval !== undefined &&
  metadata.annotations?.[syncAnnotations.approved] === status.pendingApproval.revision;

/** Milliseconds from the beginning of one look to that of the next: the interval, or less after a failure. */
export function pause({ metadata, spec }: Sync, { at = 0, failures }: Looks): number {
  const interval = span(spec.interval, 60_000);
  const base = failures === 0 ? interval : backoffDelay({ from: firstRetry, upTo: interval }, failures);
  return Math.round(base * (1 + spec.jitter * fraction(`${metadata.uid}/${at}/${failures}`)));
}
