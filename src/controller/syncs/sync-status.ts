import { revisionText, syncAnnotations } from '../../api/annotations.ts';
import type { Condition, Sync, SyncStatus } from '../../api/objects.ts';
import { beginning } from '../../api/text.ts';
import type { NewEvent } from '../../client/recorder.ts';
import { withConditions } from '../../plan/conditions.ts';
import { timeText } from '../../plan/times.ts';
import type { Assessment } from './assess.ts';
import { fieldsOf, fieldTexts, objectChanges, shownChanges, withMembers } from './enact.ts';
import { findings, progressing } from './findings.ts';
import { specDigest } from './known-objects.ts';
import type { SyncMember } from './manifests.ts';
import { entryOf, pruneText } from './prunes.ts';
import { type Compared, comparedOf, keptOf, type Outcome } from './sync-records.ts';

type Drift = NonNullable<SyncStatus['drift']>;

const mostDrift = 100;

/** Returns the status after an outcome. Fields that the outcome does not concern stay. */
export function nextStatus(
  sync: Sync,
  outcome: Outcome,
  now: number,
  retryAt: number | undefined,
): SyncStatus {
  const { retryAt: _, failures: __, ...status } = sync.status ?? {};
  if (outcome.type === 'Kept' && !outcome.looked) return kept(sync, outcome, sync.status ?? {}, now);
  const requested = sync.metadata.annotations?.[syncAnnotations.requested];
  const next: SyncStatus = {
    ...status,
    ...(sync.metadata.generation === undefined ? {} : { observedGeneration: sync.metadata.generation }),
    ...(requested === undefined ? {} : { lastHandledRequest: requested }),
    ...changed(sync, outcome, now),
    ...(retryAt === undefined ? {} : { retryAt: timeText(retryAt) }),
  };
  if (!undecided.includes(outcome.type)) delete next.pendingApproval;
  if (outcome.type === 'Synced' && outcome.assessment.reference === undefined) delete next.reference;
  if (outcome.type === 'Synced' && outcome.assessment.warnings.length === 0) delete next.warnings;
  return kept(sync, outcome, next, now);
}

/** Adds the drift of the applied revision, and the conditions. */
function kept(sync: Sync, outcome: Outcome, next: SyncStatus, now: number): SyncStatus {
  const compared = comparedOf(outcome);
  const whole: SyncStatus = {
    ...next,
    ...(compared === undefined ? {} : { drift: driftOf(compared) }),
    ...(keptOf(outcome) === 'Same' && next.drift !== undefined ? { drift: [] } : {}),
  };
  const found = findings(sync, outcome, whole);
  const { generation } = sync.metadata;
  return { ...whole, conditions: withConditions(next.conditions, found, generation, () => timeText(now)) };
}

/** After these outcomes, a revision that waits for approval still waits. */
const undecided: readonly Outcome['type'][] = [
  'ApprovalRequired',
  'SourceFailed',
  'Suspended',
  'Interrupted',
];

function changed(sync: Sync, outcome: Outcome, now: number): SyncStatus {
  switch (outcome.type) {
    case 'Suspended':
    case 'Interrupted':
    case 'Kept':
      return {};
    case 'SourceFailed':
      return outcome.revision === undefined ? {} : attempt(sync, { revision: outcome.revision }, now);
    case 'Refused':
      return attempt(sync, outcome.assessment, now);
    case 'ApprovalRequired': {
      const { revision, prunes } = outcome.assessment;
      const going = prunes.filter(({ kept }) => kept === undefined);
      const of = sync.status?.inventory?.length ?? 0;
      const objects = going.slice(0, 20).map(pruneText);
      return {
        ...attempt(sync, outcome.assessment, now),
        pendingApproval: { revision, deletes: going.length, of, objects },
      };
    }
    case 'ApplyFailed':
      return attempt(sync, outcome.assessment, now);
    case 'Synced':
      return { ...applied(sync, outcome.assessment, now), drift: [] };
  }
}

const attempt = (sync: Sync, { revision }: Pick<Assessment, 'revision'>, now: number): SyncStatus => {
  const before = sync.status?.attempted;
  return { attempted: before?.revision === revision ? before : { revision, at: timeText(now) } };
};

function applied(sync: Sync, assessment: Assessment, now: number): SyncStatus {
  const { revision, reference, members, warnings } = assessment;
  const inventory = members.map(({ info, key }) => entryOf({ kind: info.kind, key }, info.apiVersion));
  return {
    ...attempt(sync, assessment, now),
    revision,
    ...(reference === undefined ? {} : { reference }),
    appliedAt: timeText(now),
    appliedSpec: specDigest(sync),
    inventory,
    objects: inventory.length,
    ...(warnings.length === 0 ? {} : { warnings: warnings.slice(0, mostWarnings).map(shortened) }),
  };
}

const mostWarnings = 20;
const shortened = (text: string): string => (text.length > 300 ? `${beginning(text, 297)}...` : text);

/**
 * Returns the status to write before the first object. Its inventory contains all that may exist from now on, so that
 * it can be pruned even if the controller dies. It also lists the changes. If the same revision is applied again after
 * such an end, its earlier changes stay in the list.
 */
export function intent(sync: Sync, assessment: Assessment, now: number): SyncStatus {
  // Until everything is applied, no revision counts as applied.
  const { appliedSpec, ...status } = sync.status ?? {};
  const { revision, members } = assessment;
  const inventory = withMembers(status.inventory ?? [], members);
  const changes = shownChanges(objectChanges(assessment));
  const again = new Set(changes.map(({ kind, namespace, name }) => `${kind}/${namespace}/${name}`));
  const earlier =
    status.changedBy === revision && appliedSpec === undefined
      ? (status.changes ?? []).filter(
          ({ kind, namespace, name }) => !again.has(`${kind}/${namespace}/${name}`),
        )
      : [];
  return {
    ...status,
    ...attempt(sync, assessment, now),
    inventory,
    objects: inventory.length,
    ...(changes.length === 0 ? {} : { changes: [...earlier, ...changes].slice(0, 100), changedBy: revision }),
    conditions: withConditions(
      status.conditions,
      progressing(sync, assessment),
      sync.metadata.generation,
      () => timeText(now),
    ),
  };
}

/** Returns the differences that an Assessment of the applied revision leaves. */
function driftOf({ assessment: { changes, conflicts }, healed }: Compared): Drift {
  const entry = ({ info, key: { namespace, name } }: SyncMember, fields: string[]): Drift[number] => ({
    kind: info.kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    fields,
  });
  const differs = changes.flatMap(({ member, before, after }) => {
    if (before === undefined || after === undefined) return [entry(member, ['it is gone'])];
    const fields = fieldTexts(fieldsOf(after, before));
    // A difference only in field ownership is no drift: the values are right.
    return fields.length === 0 ? [] : [entry(member, fields)];
  });
  return [...conflicts.map(({ member, text }) => entry(member, [text])), ...(healed ? [] : differs)].slice(
    0,
    mostDrift,
  );
}

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
      const fields = fieldTexts(fieldsOf(before, after));
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
