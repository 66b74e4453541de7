import type { Sync, SyncStatus } from '../../api/objects.ts';
import { revisionText, syncAnnotations } from '../../api/sync.ts';
import { type Finding, withConditions } from '../../plan/conditions.ts';
import { sentence, timeText } from '../../plan/instant.ts';
import type { SourceError } from '../../sources/source.ts';
import type { Assessment } from './assess.ts';
import { fieldsOf, objectChanges, toldChanges, toldFields, withMembers } from './enact.ts';
import type { SyncMember } from './manifests.ts';
import { entryOf, pruneText } from './prunes.ts';

/** What came of a look at the source of a Sync. */
export type Outcome =
  | { type: 'Suspended' }
  /** With the revision where it was found, and could not be read. */
  | {
      type: 'SourceFailed';
      error: SourceError | { reason: 'SecretMissing'; message: string };
      revision: string | undefined;
    }
  | { type: 'Refused'; assessment: Assessment }
  | { type: 'ApprovalRequired'; assessment: Assessment }
  | { type: 'ApplyFailed'; assessment: Assessment; failures: readonly string[] }
  /** The API could not be asked, or what it answered is no verdict on the manifests. */
  | { type: 'Interrupted'; error: Error }
  /** Applied whole. `isNew`: now; else it was, and is compared with what is: `healed` says whether that was set right. */
  | { type: 'Synced'; assessment: Assessment; isNew: boolean; healed: boolean }
  /** Everything is known to be as it was when it was last looked at. */
  | { type: 'Same' };

type Drift = NonNullable<SyncStatus['drift']>;

const shownFaults = 5;
/** In characters: a file's path and what is said of it. */
const longestFault = 800;
const mostDrift = 100;

/** The status that follows from an outcome. What it does not touch stays. */
export function nextStatus(
  sync: Sync,
  outcome: Outcome,
  now: number,
  retryAt: number | undefined,
): SyncStatus {
  const { retryAt: _, failures: __, ...status } = sync.status ?? {};
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
  next.conditions = withConditions(
    status.conditions,
    findings(sync, outcome, next),
    sync.metadata.generation,
    () => timeText(now),
  );
  return next;
}

/** After these a revision that waits for approval still does. */
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
    case 'Same':
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
      return outcome.isNew
        ? { ...applied(sync, outcome.assessment, now), drift: [] }
        : { drift: driftOf(outcome.assessment, outcome.healed) };
  }
}

const attempt = (sync: Sync, { revision }: Pick<Assessment, 'revision'>, now: number): SyncStatus => {
  const before = sync.status?.attempted;
  return { attempted: before?.revision === revision ? before : { revision, at: timeText(now) } };
};

function applied(sync: Sync, assessment: Assessment, now: number): SyncStatus {
  const { revision, reference, members } = assessment;
  const inventory = members.map(({ info, key }) => entryOf({ kind: info.kind, key }, info.apiVersion));
  return {
    ...attempt(sync, assessment, now),
    revision,
    ...(reference === undefined ? {} : { reference }),
    appliedAt: timeText(now),
    ...(sync.metadata.generation === undefined ? {} : { appliedGeneration: sync.metadata.generation }),
    inventory,
    objects: inventory.length,
  };
}

/**
 * Written before the first object is: what may be there from now on, so that it can be deleted again though the
 * controller dies, and what the revision changes. After such an end the rest is told with what was told before.
 */
export function intent(sync: Sync, assessment: Assessment, now: number): SyncStatus {
  // Until all of it is applied, no revision is whole.
  const { appliedGeneration, ...status } = sync.status ?? {};
  const { revision, reference, members } = assessment;
  const inventory = withMembers(status.inventory ?? [], members);
  const changes = toldChanges(objectChanges(assessment));
  const again = new Set(changes.map(({ kind, namespace, name }) => `${kind}/${namespace}/${name}`));
  const earlier =
    status.changedBy === revision && appliedGeneration === undefined
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
      [
        fetched(sync),
        {
          type: 'Ready',
          status: 'Unknown' as const,
          reason: 'Progressing',
          message: `Applying ${revisionText(revision, reference)}.`,
        },
        stored(sync, 'InSync'),
      ].filter((finding) => finding !== undefined),
      sync.metadata.generation,
      () => timeText(now),
    ),
  };
}

/** What an assessment of the revision that is applied leaves as it is. */
function driftOf({ changes, conflicts }: Assessment, healed: boolean): Drift {
  const entry = ({ info, key: { namespace, name } }: SyncMember, fields: string[]): Drift[number] => ({
    kind: info.kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    fields,
  });
  const differs = changes.flatMap(({ member, before, after }) => {
    if (before === undefined || after === undefined) return [entry(member, ['it is gone'])];
    const fields = toldFields(fieldsOf(after, before));
    // Who owns a field is no drift: the value is right.
    return fields.length === 0 ? [] : [entry(member, fields)];
  });
  return [...conflicts.map(({ member, text }) => entry(member, [text])), ...(healed ? [] : differs)].slice(
    0,
    mostDrift,
  );
}

function findings(sync: Sync, outcome: Outcome, next: SyncStatus): Finding[] {
  const fetch =
    outcome.type === 'SourceFailed'
      ? notFetched(outcome.error)
      : unasked.includes(outcome.type)
        ? stored(sync, 'Fetched')
        : fetched(sync);
  return [fetch, ready(sync, outcome, next), inSync(sync, outcome, next)].filter(
    (finding) => finding !== undefined,
  );
}

/** They say nothing of the source. */
const unasked: readonly Outcome['type'][] = ['Suspended', 'Interrupted'];

const fetched = ({ spec }: Sync): Finding => ({
  type: 'Fetched',
  status: 'True',
  reason: 'Fetched',
  message: spec.source.git === undefined ? 'The folder can be read.' : 'The repository answers.',
});

const notFetched = ({ reason, message }: { reason: string; message: string }): Finding => ({
  type: 'Fetched',
  status: 'False',
  reason,
  message,
});

const stored = ({ status }: Sync, type: string): Finding | undefined =>
  status?.conditions?.find((condition) => condition.type === type);

function ready(sync: Sync, outcome: Outcome, next: SyncStatus): Finding | undefined {
  const at = (status: 'True' | 'False', reason: string, message: string): Finding => ({
    type: 'Ready',
    status,
    reason,
    message,
  });
  switch (outcome.type) {
    case 'Suspended':
      return at(
        'False',
        'Suspended',
        `Suspended. ${stands(next)} agentctl resume sync/${sync.metadata.name} goes on.`,
      );
    case 'SourceFailed':
      return at('False', 'SourceFailed', `${sentence(outcome.error.message)} ${stands(next)}`);
    case 'Interrupted':
      return at(
        'False',
        'ApplyFailed',
        `${sentence(`The API failed, and is asked again: ${outcome.error.message}`)} ${stands(next)}`,
      );
    case 'Refused': {
      const { faults, conflicts, revision, reference } = outcome.assessment;
      const texts = [
        ...faults.map(({ text }) => text),
        ...conflicts.map(({ member, text }) => `${member.info.kind}/${member.key.name}: ${text}`),
      ];
      const reason = faults[0]?.reason ?? 'Conflict';
      const remedy = conflicts.length > 0 ? ` ${letGo(sync)}` : '';
      return at(
        'False',
        reason,
        `${revisionText(revision, reference)}: ${sentence(shortened(texts))}${remedy} ${stands(next)}`,
      );
    }
    case 'ApprovalRequired': {
      const { revision, reference } = outcome.assessment;
      const { deletes = 0, of = 0 } = next.pendingApproval ?? {};
      return at(
        'False',
        'ApprovalRequired',
        `${revisionText(revision, reference)} would delete ${deletes} of ${of} ${of === 1 ? 'object' : 'objects'}: agentctl approve sync/${sync.metadata.name} lets it. ${stands(next)}`,
      );
    }
    case 'ApplyFailed': {
      const { revision, reference } = outcome.assessment;
      return at(
        'False',
        'ApplyFailed',
        `${revisionText(revision, reference)} is applied in part, and is tried again: ${shortened(outcome.failures)}`,
      );
    }
    case 'Synced':
    case 'Same':
      return at(
        'True',
        'Synced',
        `${revisionText(next.revision ?? '', next.reference)} is applied.${rests(sync)}`,
      );
  }
}

const letGo = ({ metadata }: Sync): string =>
  `One of the two must let go of it: agentctl sync ${metadata.name} --force-conflicts takes it over.`;

/** After a look that was asked for all the same. */
const rests = ({ spec, metadata }: Sync): string =>
  spec.suspend ? ` Suspended: agentctl resume sync/${metadata.name} goes on.` : '';

const stands = ({ revision, reference }: SyncStatus): string =>
  revision === undefined ? 'Nothing is applied yet.' : `${revisionText(revision, reference)} stays applied.`;

const shortened = (texts: readonly string[]): string => {
  const shown = texts
    .slice(0, shownFaults)
    .map((text) => (text.length > longestFault ? `${text.slice(0, longestFault)}...` : text));
  return texts.length <= shownFaults
    ? shown.join('; ')
    : `${shown.join('; ')}; and ${texts.length - shownFaults} more`;
};

function inSync(sync: Sync, outcome: Outcome, { drift = [] }: SyncStatus): Finding | undefined {
  if (outcome.type !== 'Synced') return stored(sync, 'InSync');
  const { conflicts } = outcome.assessment;
  const [first] = conflicts;
  if (first !== undefined && !outcome.isNew) {
    const more = conflicts.length > 1 ? `, and ${conflicts.length - 1} more objects` : '';
    return {
      type: 'InSync',
      status: 'False',
      reason: 'Conflict',
      message: `${first.member.info.kind}/${first.member.key.name}: ${first.text}${more}. ${letGo(sync)}`,
    };
  }
  if (drift.length > 0)
    return {
      type: 'InSync',
      status: 'False',
      reason: 'Drifted',
      message: `${drift.length === 1 ? '1 object differs' : `${drift.length} objects differ`} from the manifests; spec.selfHeal is false. agentctl describe sync ${sync.metadata.name} tells how, agentctl sync ${sync.metadata.name} sets them back.`,
    };
  return {
    type: 'InSync',
    status: 'True',
    reason: 'InSync',
    message: 'All objects are as the manifests say.',
  };
}
