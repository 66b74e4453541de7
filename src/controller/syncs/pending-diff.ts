import type { Sync } from '../../api/objects.ts';
import type { SyncDiff } from '../../client/streams.ts';
import type { Assessment } from './assess.ts';
import { objectChanges } from './enact.ts';

/** Returns what an Assessment says about a revision that is not applied yet. */
export function diffOf(sync: Sync, assessment: Assessment): SyncDiff {
  const { revision, reference, faults, conflicts, needsApproval } = assessment;
  const errors = [
    ...faults.map(({ text }) => text),
    ...conflicts.map(({ member, text }) => `${member.info.kind}/${member.key.name}: ${text}`),
  ];
  return {
    revision,
    reference,
    applied: sync.status?.revision,
    errors,
    changes: objectChanges(assessment),
    needsApproval,
  };
}
