import { isApiError } from '../../api/errors.ts';
import { type AnyObject, keyOf, type Sync } from '../../api/objects.ts';
import { syncManager } from '../../api/sync.ts';
import type { Resources } from '../../client/resources.ts';
import type { Found, Source } from '../../sources/source.ts';
import { type Assessment, type AssessParts, assess } from './assess.ts';
import { applyChanges, carryOutPrunes } from './enact.ts';
import type { Outcome } from './outcome.ts';
import { entryId, prunePartsOf } from './prunes.ts';
import type { SyncRecord } from './record.ts';
import { takeOver } from './take-over.ts';

export interface PassParts {
  resources: Resources;
  record: SyncRecord;
  source: Source;
  signal: AbortSignal;
  assess: AssessParts;
  /** What is now, by the identity of an inventory's entry. */
  live: (id: string) => AnyObject | undefined;
  /** Takes in what a write answered. */
  note: (object: AnyObject) => void;
  /** Asked for by a person: drift is set back though spec.selfHeal is false. */
  requested: boolean;
  /** Writes down what is about to be done. */
  intend: (sync: Sync, assessment: Assessment) => Promise<void>;
}

/** The Sync was suspended, deleted or changed while its source was read: nothing is written for what it was. */
export class Overtaken extends Error {}

/** From what stands in the source to what runs. `found`: what a look has just found. Throws SourceError, ApiError, Overtaken. */
export async function pass(sync: Sync, found: Found, parts: PassParts): Promise<Outcome> {
  const { record, source, signal } = parts;
  if (!parts.assess.takesOver && isSettled(sync, found) && nothingDiffers(sync, parts))
    return { type: 'Same' };
  const manifests = await source.read(found, signal);
  const assessment = await assess(sync, manifests, parts.assess);
  const isNew = !isSettled(sync, manifests) || assessment.prunes.length > 0;
  if (assessment.faults.length > 0) return { type: 'Refused', assessment };
  if (!isNew) return heal(sync, assessment, parts);
  if (assessment.conflicts.length > 0) return { type: 'Refused', assessment };
  if (assessment.needsApproval) return { type: 'ApprovalRequired', assessment };
  await checkNotOvertaken(sync, parts);
  if (assessment.changes.length > 0 || assessment.prunes.length > 0) await parts.intend(sync, assessment);
  await letGo(sync, assessment, parts);
  const writes = { known: record.known, note: parts.note };
  const failures = await applyChanges(parts.resources, sync, assessment.changes, writes, assessment.revision);
  if (failures.length > 0) return { type: 'ApplyFailed', assessment, failures };
  const pruneFailures = await carryOutPrunes(assessment.prunes, prunePartsOf(sync, parts.assess));
  if (pruneFailures.length > 0) return { type: 'ApplyFailed', assessment, failures: pruneFailures };
  return { type: 'Synced', assessment, isNew, healed: true };
}

/** The revision is applied whole, by the spec as it is. */
const isSettled = ({ status = {}, metadata }: Sync, { revision }: Found): boolean =>
  status.revision === revision && status.appliedGeneration === metadata.generation;

function nothingDiffers(sync: Sync, { record: { known }, live }: PassParts): boolean {
  const manager = syncManager(keyOf(sync));
  return (sync.status?.inventory ?? []).every((entry) => {
    const id = entryId(entry);
    return id !== undefined && known.isAsIt(id, live(id), manager);
  });
}

/** The revision is applied already: what differs from it was changed since by others. */
async function heal(sync: Sync, assessment: Assessment, parts: PassParts): Promise<Outcome> {
  const healed = sync.spec.selfHeal || parts.requested;
  if (!healed) return { type: 'Synced', assessment, isNew: false, healed };
  if (assessment.changes.length > 0) await checkNotOvertaken(sync, parts);
  await letGo(sync, assessment, parts);
  const failures = await applyChanges(parts.resources, sync, assessment.changes, {
    known: parts.record.known,
    note: parts.note,
  });
  return failures.length > 0
    ? { type: 'ApplyFailed', assessment, failures }
    : { type: 'Synced', assessment, isNew: false, healed };
}

/** Where a person asked for it, others apply its objects no more. */
async function letGo(
  sync: Sync,
  { members }: Assessment,
  { assess, resources, note }: PassParts,
): Promise<void> {
  if (!assess.takesOver) return;
  const freed = await takeOver(resources, members, syncManager(keyOf(sync)), assess.live);
  for (const object of freed) note(object);
}

async function checkNotOvertaken(sync: Sync, { resources, requested }: PassParts): Promise<void> {
  try {
    const { metadata, spec } = await resources.get('Sync', keyOf(sync));
    const same =
      metadata.uid === sync.metadata.uid &&
      metadata.generation === sync.metadata.generation &&
      metadata.deletionTimestamp === undefined;
    if (same && (!spec.suspend || requested)) return;
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
  throw new Overtaken('the Sync was changed meanwhile');
}
