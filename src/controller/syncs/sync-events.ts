import { revisionText } from '../../api/annotations.ts';
import type { Condition, Sync } from '../../api/objects.ts';
import type { NewEvent } from '../../client/recorder.ts';
import { fieldsOf, toldFields } from './enact.ts';
import { pruneText } from './prunes.ts';
import { comparedOf, type Outcome } from './record.ts';

const mostRepairs = 20;

/** Returns the Events of an outcome: what was done, and each verdict that differs from the one before. */
export function syncEvents(
  sync: Sync,
  outcome: Outcome,
  before: readonly Condition[] | undefined,
  now: readonly Condition[] | undefined,
): NewEvent[] {
  return [...done(sync, outcome), ...verdicts(before, now)];
}

function repairs(outcome: Outcome): NewEvent[] {
  const { assessment, healed } = comparedOf(outcome) ?? {};
  if (assessment === undefined || healed !== true) return [];
  const name = revisionText(assessment.revision, assessment.reference);
  return assessment.changes
    .map(({ member: { info, key }, before, after }) => {
      const what = pruneText({ kind: info.kind, key });
      if (before === undefined || after === undefined) return `${what} was deleted and is created again`;
      const fields = toldFields(fieldsOf(before, after));
      return fields.length === 0 ? undefined : `${what} was set back to ${name}: ${fields.join('; ')}`;
    })
    .filter((message) => message !== undefined)
    .slice(0, mostRepairs)
    .map((message) => ({ type: 'Normal', reason: 'DriftRepaired', message }));
}

function done(sync: Sync, outcome: Outcome): NewEvent[] {
  if (outcome.type !== 'Synced') return repairs(outcome);
  const { changes, prunes, revision, reference } = outcome.assessment;
  const name = revisionText(revision, reference);
  if (changes.length + prunes.length === 0 && sync.status?.revision === revision) return [];
  const count = (what: string, number: number): string[] => (number === 0 ? [] : [`${number} ${what}`]);
  const counts = [
    ...count('created', changes.filter(({ change }) => change === 'Created').length),
    ...count('configured', changes.filter(({ change }) => change === 'Configured').length),
    ...count('pruned', prunes.filter(({ kept }) => kept === undefined).length),
    ...count('kept', prunes.filter(({ kept }) => kept !== undefined).length),
  ];
  const message = `${name} is applied: ${counts.join(', ') || 'nothing changed'}`;
  const moved = tagMoved(sync, outcome);
  return [{ type: 'Normal', reason: 'Synced', message }, ...(moved === undefined ? [] : [moved])];
}

/** Tags should not move, so people should see it in the Events. */
function tagMoved(
  { spec, status, metadata }: Sync,
  { assessment }: Extract<Outcome, { type: 'Synced' }>,
): NewEvent | undefined {
  const { tag } = spec.source.git ?? {};
  const before = status?.revision;
  const same =
    status?.observedGeneration === metadata.generation && status?.reference === assessment.reference;
  if (tag === undefined || !same || before === undefined || before === assessment.revision) return undefined;
  return {
    type: 'Warning',
    reason: 'TagMoved',
    message: `the tag ${tag} was moved from ${revisionText(before)} to ${revisionText(assessment.revision)}`,
  };
}

function verdicts(
  before: readonly Condition[] | undefined,
  now: readonly Condition[] | undefined,
): NewEvent[] {
  const fetched = now?.find(({ type }) => type === 'Fetched');
  return (now ?? []).flatMap(({ type, status, reason, message }) => {
    const known = before?.find((condition) => condition.type === type);
    const isNews = known?.reason !== reason || known.message !== message;
    const isTwice = type === 'Ready' && fetched?.status === 'False' && fetched.reason === reason;
    // The event Synced already reports recovery.
    if (!isNews || isTwice || status === 'True' || reason === 'Progressing') return [];
    return [{ type: reason === 'Suspended' ? 'Normal' : 'Warning', reason, message }];
  });
}
