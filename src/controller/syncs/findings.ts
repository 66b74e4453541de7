import { revisionText } from '../../api/annotations.ts';
import type { Sync, SyncStatus } from '../../api/objects.ts';
import { cut, sentence } from '../../api/text.ts';
import type { Finding } from '../../plan/conditions.ts';
import type { SourceError } from '../../sources/source.ts';
import type { Assessment } from './assess.ts';
import { keptOf, type MissingSecret, type Outcome } from './sync-records.ts';

const shownFaults = 5;
/** Characters of a file's path and its message. */
const longestFault = 800;

/** Returns the conditions that follow from an outcome. `next` is the rest of the new status. */
export function findings(sync: Sync, outcome: Outcome, next: SyncStatus): Finding[] {
  const fetch =
    outcome.type === 'SourceFailed'
      ? notFetched(outcome.error)
      : saysNothing(outcome)
        ? stored(sync, 'Fetched')
        : fetched(sync);
  return [fetch, ready(sync, outcome, next), inSync(sync, outcome, next)].filter(
    (finding) => finding !== undefined,
  );
}

/** Returns the conditions while an Assessment is applied. */
export const progressing = (sync: Sync, { revision, reference }: Assessment): Finding[] =>
  [
    fetched(sync),
    {
      type: 'Ready',
      status: 'Unknown' as const,
      reason: 'Progressing',
      message: `Applying ${revisionText(revision, reference)}.`,
    },
    stored(sync, 'InSync'),
  ].filter((finding) => finding !== undefined);

/** Whether the outcome says nothing about the source. */
const saysNothing = (outcome: Outcome): boolean =>
  outcome.type === 'Suspended' ||
  outcome.type === 'Interrupted' ||
  (outcome.type === 'Kept' && !outcome.looked);

const fetched = ({ spec }: Sync): Finding => ({
  type: 'Fetched',
  status: 'True',
  reason: 'Fetched',
  message: spec.source.git === undefined ? 'The folder can be read.' : 'The repository is reachable.',
});

const notFetched = ({ code, message }: SourceError | MissingSecret): Finding => ({
  type: 'Fetched',
  status: 'False',
  reason: code,
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
        `Suspended. ${stands(next)} To continue, run agentctl resume sync/${sync.metadata.name}.`,
      );
    case 'SourceFailed':
      return at('False', outcome.error.code, `${sentence(outcome.error.message)} ${stands(next)}`);
    case 'Interrupted':
      return at(
        'False',
        'ApplyFailed',
        `${sentence(`The API failed. It is tried again: ${outcome.error.message}`)} ${stands(next)}`,
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
        `${revisionText(revision, reference)} would delete ${deletes} of ${of} ${of === 1 ? 'object' : 'objects'}. To allow it, run agentctl approve sync/${sync.metadata.name}. ${stands(next)}`,
      );
    }
    case 'ApplyFailed': {
      const { revision, reference } = outcome.assessment;
      return at(
        'False',
        'ApplyFailed',
        `${revisionText(revision, reference)} is partly applied, and is tried again: ${shortened(outcome.failures)}`,
      );
    }
    case 'Kept':
      if (!outcome.looked) return stored(sync, 'Ready');
      return at(
        'True',
        'Synced',
        `${revisionText(next.revision ?? '', next.reference)} is applied.${warned(next)}${rests(sync)}`,
      );
    case 'Synced':
      return at(
        'True',
        'Synced',
        `${revisionText(next.revision ?? '', next.reference)} is applied.${warned(next)}${rests(sync)}`,
      );
  }
}

const letGo = ({ metadata }: Sync): string =>
  `Remove it from one of the two, or take it over with agentctl sync ${metadata.name} --force-conflicts.`;

const warned = ({ warnings = [] }: SyncStatus): string =>
  warnings.length === 0 ? '' : ` Warning: ${shortened(warnings)}.`;

/** A sentence for a suspended Sync that a person asked to look nevertheless. */
const rests = ({ spec, metadata }: Sync): string =>
  spec.suspend ? ` The Sync is suspended. To continue, run agentctl resume sync/${metadata.name}.` : '';

const stands = ({ revision, reference }: SyncStatus): string =>
  revision === undefined
    ? 'Nothing has been applied yet.'
    : `${revisionText(revision, reference)} remains applied.`;

const shortened = (texts: readonly string[]): string => {
  const shown = texts.slice(0, shownFaults).map((text) => cut(text, longestFault, '...'));
  return texts.length <= shownFaults
    ? shown.join('; ')
    : `${shown.join('; ')}; and ${texts.length - shownFaults} more`;
};

function inSync(
  sync: Sync,
  outcome: Outcome,
  { drift = [], revision, reference }: SyncStatus,
): Finding | undefined {
  const kept = outcome.type === 'Synced' ? 'Same' : keptOf(outcome);
  if (kept === undefined || kept === 'None') return stored(sync, 'InSync');
  const name = revisionText(revision ?? '', reference);
  if (kept !== 'Same' && 'unknown' in kept)
    return {
      type: 'InSync',
      status: 'Unknown',
      reason: 'Unknown',
      message: `Objects were changed, and cannot be repaired, because the manifests of ${name} are not available: ${sentence(shortened([kept.unknown]))} The next valid revision repairs them.`,
    };
  if (kept !== 'Same' && 'failures' in kept)
    return {
      type: 'InSync',
      status: 'False',
      reason: 'RepairFailed',
      message: `Objects were changed and could not be repaired from ${name}; it is tried again: ${shortened(kept.failures)}`,
    };
  const conflicts = kept === 'Same' ? [] : kept.assessment.conflicts;
  const [first] = conflicts;
  if (first !== undefined) {
    const more = conflicts.length > 1 ? `, and ${conflicts.length - 1} more objects` : '';
    const isReverted = first.reverted === true;
    const remedy = isReverted
      ? `Push a corrected spec, or try this one again with agentctl sync ${sync.metadata.name}.`
      : letGo(sync);
    return {
      type: 'InSync',
      status: 'False',
      reason: isReverted ? 'Reverted' : 'Conflict',
      message: `${first.member.info.kind}/${first.member.key.name}: ${first.text}${more}. ${remedy}`,
    };
  }
  if (drift.length > 0)
    return {
      type: 'InSync',
      status: 'False',
      reason: 'Drifted',
      message: `${drift.length === 1 ? '1 object differs' : `${drift.length} objects differ`} from the manifests; spec.selfHeal is false. Show the differences with agentctl describe sync ${sync.metadata.name}, and repair them with agentctl sync ${sync.metadata.name}.`,
    };
  return {
    type: 'InSync',
    status: 'True',
    reason: 'InSync',
    message: 'All objects match the manifests.',
  };
}
