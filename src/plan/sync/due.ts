import type { Sync } from '../../api/objects.ts';
import { syncAnnotations } from '../../api/sync.ts';
import { fraction } from '../hash.ts';
import { instant, span } from '../instant.ts';
import type { Instant } from '../world.ts';

/** What is known of a Sync beside the object: of this controller's life alone. */
export interface Looks {
  /** When the last look began; absent: none yet. */
  at?: Instant | undefined;
  /** Failed looks in a row. */
  failures: number;
}

const firstRetry = 5_000;

/** Why it is looked at now, or when the next look is due; neither: not by time alone. */
export type Due = { now: 'Requested' | 'Changed' | 'Webhook' | 'Interval' } | { at: Instant } | undefined;

export function due(sync: Sync, looks: Looks, now: Instant): Due {
  const { annotations = {}, generation, deletionTimestamp } = sync.metadata;
  const { status = {}, spec } = sync;
  if (deletionTimestamp !== undefined) return undefined;
  const requested = annotations[syncAnnotations.requested];
  if (requested !== undefined && requested !== status.lastHandledRequest) return { now: 'Requested' };
  if (status.observedGeneration !== generation) return { now: 'Changed' };
  if (spec.suspend) return undefined;
  if (isApproved(sync) && looks.failures === 0) return { now: 'Changed' };
  if (looks.at === undefined || looks.at > now) return { now: 'Interval' }; // a clock that was set back counts anew
  const told = instant(annotations[syncAnnotations.webhook]);
  if (told !== undefined && told >= looks.at && told <= now) return { now: 'Webhook' };
  const at = looks.at + pause(sync, looks);
  return at <= now ? { now: 'Interval' } : { at };
}

/** The revision that waits for it has been approved. */
export const isApproved = ({ metadata, status }: Sync): boolean =>
  status?.pendingApproval !== undefined &&
  metadata.annotations?.[syncAnnotations.approved] === status.pendingApproval.revision;

/** Milliseconds from the begin of one look to that of the next: the interval, or less after a failure. */
export function pause({ metadata, spec }: Sync, { at = 0, failures }: Looks): number {
  const interval = span(spec.interval, 60_000);
  const base = failures === 0 ? interval : Math.min(interval, firstRetry * 2 ** (failures - 1));
  return Math.round(base * (1 + spec.jitter * fraction(`${metadata.uid}/${at}/${failures}`)));
}
