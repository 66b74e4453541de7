/** What sync and wait wait for in a Sync. */
import { syncAnnotations } from '../api/annotations.ts';
import { deepEqual } from '../api/json.ts';
import type { Sync, SyncStatus } from '../api/objects.ts';
import type { Judge, Reason } from './reason.ts';
import { conditionOf, type SyncView } from './sync-view.ts';

/** Reasons of Ready, for the revision that was found, that only another commit can fix. */
const hopeless: ReadonlySet<string> = new Set([
  ...['InvalidManifests', 'NotAllowed'],
  ...['NotVerified', 'PathMissing', 'TooLarge', 'RenderFailed', 'OutsideTree'],
]);

/** Whether a revision is applied whose id begins so. */
export const revisionApplied =
  (wanted: string): Judge =>
  (object) => {
    if (object?.kind !== 'Sync') return { never: { is: 'Missing' } };
    const { metadata, spec, status = {} } = object;
    const { revision, reference } = status;
    if (revision?.startsWith(wanted) === true) return 'met';
    if (metadata.deletionTimestamp !== undefined) return { never: { is: 'Deleting' } };
    const idle = metadata.annotations?.[syncAnnotations.requested] === status.lastHandledRequest;
    if (spec.suspend && idle && status.pendingApproval === undefined)
      return { never: { is: 'Suspended', kind: 'Sync', name: metadata.name } };
    const applied = revision === undefined ? undefined : { revision, reference };
    const ready = conditionOf(object, 'Ready');
    if (ready === undefined || ready.status === 'True') return { pending: { is: 'OtherApplied', applied } };
    const tried = status.attempted?.revision.startsWith(wanted) === true;
    const isCurrent = (ready.observedGeneration ?? 0) >= (metadata.generation ?? 0);
    const { reason, message } = ready;
    if (tried && isCurrent && ready.status === 'False' && hopeless.has(reason))
      return { never: { is: 'Reported', reason, message } };
    return { pending: { is: 'OtherApplied', applied, ready } };
  };

/**
 * Whether a look was handled that this request asked for. A later request is handled by a newer look, which also handles
 * ours. `onHandled` gets the Sync after it.
 */
export const handled =
  (request: string, onHandled: (after: Sync) => void): Judge =>
  (object) => {
    if (object?.kind !== 'Sync') return { never: { is: 'Deleted' } };
    const newest = object.metadata.annotations?.[syncAnnotations.requested];
    const last = object.status?.lastHandledRequest;
    const ready = conditionOf(object, 'Ready');
    if (ready?.reason === 'Progressing')
      return { pending: { is: 'Reported', reason: ready.reason, message: ready.message } };
    if (last === undefined || (last !== request && last !== newest))
      return { pending: { is: 'SourceUnread' } };
    onHandled(object);
    return 'met';
  };

/** The result of a requested look. */
export type SyncResult =
  | { failed: Reason }
  | {
      applied: NonNullable<SyncView['applied']>;
      /** What the revision changed; empty if it was applied before. */
      changes: NonNullable<SyncStatus['changes']>;
      /** How many objects were set back. Objects whose drift was corrected are not changes of a revision. */
      repaired: number;
      drifted: number;
      warnings: readonly string[];
    };

/** `before` is the Sync when the look was requested. */
export function syncResult(before: Sync, after: Sync): SyncResult {
  const { status = {} } = after;
  const { revision, reference, changedBy, changes = [], drift = [], warnings = [] } = status;
  const ready = conditionOf(after, 'Ready');
  // A suspended Sync is suspended again after its one look; then Ready no longer shows the result.
  const succeeded = ready?.reason === 'Suspended' && status.attempted?.revision === revision;
  if (ready?.status === 'False' && !succeeded)
    return { failed: { is: 'Reported', reason: ready.reason, message: ready.message } };
  if (revision === undefined) return { failed: { is: 'NothingApplied' } };
  const isNew = changedBy !== before.status?.changedBy || !deepEqual(changes, before.status?.changes ?? []);
  return {
    applied: { revision, reference },
    changes: isNew && changedBy === revision ? changes : [],
    repaired: Math.max(0, (before.status?.drift?.length ?? 0) - drift.length),
    drifted: drift.length,
    warnings,
  };
}
