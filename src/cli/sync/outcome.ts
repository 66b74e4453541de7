import { deepEqual } from '../../api/equal.ts';
import type { Condition, Sync, SyncStatus } from '../../api/objects.ts';
import { revisionText } from '../../api/sync.ts';
import { counted } from '../counted.ts';
import { conditionOf } from './conditions.ts';

type Changes = NonNullable<SyncStatus['changes']>;

/** What came of a look that was asked for; `before` is the Sync as it was then. */
export function outcomeOf(before: Sync, after: Sync): { failed: boolean; text: string } {
  const failure = failureOf(after);
  if (failure !== undefined) return { failed: true, text: `${failure.reason}: ${failure.message}` };
  const { status = {} } = after;
  const { revision, reference, changedBy, changes = [], drift = [], warnings = [] } = status;
  if (revision === undefined) return { failed: true, text: 'no revision has been applied' };
  const isNew = changedBy !== before.status?.changedBy || !deepEqual(changes, before.status?.changes ?? []);
  const what =
    isNew && changedBy === revision && changes.length > 0
      ? `applied: ${countsText(changes)}`
      : 'is up to date';
  // Objects that were set right again are no change of a revision.
  const mended = (before.status?.drift?.length ?? 0) - drift.length;
  const back = mended > 0 ? `, ${counted(mended, 'object was', 'objects were')} set back` : '';
  const { name } = after.metadata;
  const rest =
    drift.length === 0
      ? ''
      : `, but ${counted(drift.length, 'object differs', 'objects differ')} from it: agentctl describe sync ${name}`;
  const warned = warnings.map((warning) => `\nWarning: ${warning}`).join('');
  return { failed: false, text: `${revisionText(revision, reference)} ${what}${back}${rest}${warned}` };
}

/** A Sync that was suspended is so again after its one look; then Ready says no more how that went. */
function failureOf(sync: Sync): Condition | undefined {
  const ready = conditionOf(sync, 'Ready');
  if (ready?.status !== 'False') return undefined;
  const { attempted, revision } = sync.status ?? {};
  if (ready.reason === 'Suspended' && attempted?.revision === revision) return undefined;
  return ready;
}

const order = ['Created', 'Configured', 'Pruned', 'Kept'] as const;

/** `1 created, 2 configured`. The status holds no more than a hundred. */
function countsText(changes: Changes): string {
  const counts = order.flatMap((word) => {
    const count = changes.filter(({ change }) => change === word).length;
    return count === 0 ? [] : [`${count} ${word.toLowerCase()}`];
  });
  return `${counts.join(', ')}${changes.length < 100 ? '' : ' (of the first 100)'}`;
}
