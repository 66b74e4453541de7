import { syncManager } from '../../api/annotations.ts';
import { AgentctlError, isApiError } from '../../api/errors.ts';
import { type AnyObject, keyOf, type Sync } from '../../api/objects.ts';
import { isReverted } from '../../plan/progress.ts';
import { type Found, type Source, SourceError } from '../../sources/source.ts';
import { type AssessDeps, type Assessment, assess } from './assess.ts';
import { applyChanges, carryOutPrunes } from './enact.ts';
import { specDigest } from './known-objects.ts';
import { entryId, prunePartsOf, takeOver } from './prunes.ts';
import { type Kept, type Outcome, type SyncRecord, soon } from './sync-records.ts';

export interface PassDeps {
  record: SyncRecord;
  signal: AbortSignal;
  assess: AssessDeps;
  /** Returns the stored object for the identity of an inventory entry. */
  live: (id: string) => AnyObject | undefined;
  /** Stores the object that a write returned. */
  note: (object: AnyObject) => void;
  /** A person asked for this pass: drift is corrected even if spec.selfHeal is false. */
  requested: boolean;
  /** Records what the source contains, before anything is done. */
  assessed: (assessment: Assessment) => void;
  /**
   * Whether the other Syncs of the same source have seen this revision, where that matters: one may be about to take up
   * what this one deletes, or to let go of what this one is in conflict about.
   */
  othersLooked: (assessment: Assessment) => boolean;
  /** Writes down what is about to be done. */
  intend: (sync: Sync, assessment: Assessment) => Promise<void>;
}

/** The Sync was suspended, deleted or changed while its source was read. Nothing is written for its old spec. */
export class Overtaken extends AgentctlError<'Overtaken'> {
  constructor() {
    super('Overtaken', 'the Sync was changed in the meantime', { retry: { from: soon, upTo: soon } });
    this.name = 'Overtaken';
  }
}

/**
 * From what stands in the source to what runs. `found`: what a look has just found. NotYet: nothing was done, because
 * other Syncs are checked first. Throws SourceError, ApiError, Overtaken.
 */
export async function pass(
  sync: Sync,
  found: Found,
  source: Source,
  deps: PassDeps,
): Promise<Outcome | 'NotYet'> {
  if (!deps.assess.takesOver && isSettled(sync, found) && nothingDiffers(sync, deps))
    return { type: 'Kept', kept: 'Same', looked: true };
  const manifests = await source.read(found, deps.signal);
  const assessment = await assess(sync, manifests, deps.assess);
  deps.assessed(assessment);
  const isNew = !isSettled(sync, manifests) || assessment.prunes.length > 0;
  const inConflict = isNew && assessment.conflicts.length > 0;
  if (assessment.faults.length === 0 && inConflict && !deps.othersLooked(assessment)) return 'NotYet';
  if (assessment.faults.length > 0 || inConflict)
    return { type: 'Refused', assessment, kept: await keep(sync, source, deps) };
  if (isNew && assessment.needsApproval)
    return { type: 'ApprovalRequired', assessment, kept: await keep(sync, source, deps) };
  if (isNew) {
    if (!deps.othersLooked(assessment)) return 'NotYet';
    const failures = await applyRevision(sync, assessment, deps);
    return failures.length > 0
      ? { type: 'ApplyFailed', assessment, failures }
      : { type: 'Synced', assessment };
  }
  const spared = withoutReverted(assessment, deps);
  const failures = await heal(sync, spared, deps);
  return failures.length > 0
    ? { type: 'ApplyFailed', assessment, failures }
    : { type: 'Kept', kept: { assessment: spared, healed: heals(sync, deps) }, looked: true };
}

/**
 * TimeSlice changes that autoRevert reverted into conflicts. They stay reverted until a new revision comes or a person
 * asks, because the same spec would only fail again.
 */
function withoutReverted(assessment: Assessment, { requested }: PassDeps): Assessment {
  const isKept = ({ before }: Assessment['changes'][number]): boolean =>
    !requested && before?.kind === 'Agent' && isReverted(before);
  const kept = assessment.changes.filter(isKept);
  if (kept.length === 0) return assessment;
  const conflicts = kept.map(({ member }) => ({
    member,
    text: 'autoRevert went back to an earlier spec',
    reverted: true as const,
  }));
  return {
    ...assessment,
    changes: assessment.changes.filter((change) => !isKept(change)),
    conflicts: [...assessment.conflicts, ...conflicts],
  };
}

/**
 * Keeps the applied revision applied, whatever the newest one is. `source`: absent if it is unreachable. It may no
 * longer have what it would have to fetch.
 */
export async function keep(sync: Sync, source: Source | undefined, deps: PassDeps): Promise<Kept> {
  const { revision, reference } = sync.status ?? {};
  if (revision === undefined || !isSettled(sync, { revision })) return 'None';
  if (nothingDiffers(sync, deps)) return 'Same';
  const assessed = await reassess(sync, { revision, reference }, source, deps);
  if ('unknown' in assessed) return assessed;
  const [fault] = assessed.faults;
  if (fault !== undefined) return { unknown: fault.text };
  const assessment = withoutReverted(assessed, deps);
  const failures = await heal(sync, assessment, deps);
  return failures.length > 0 ? { failures } : { assessment, healed: heals(sync, deps) };
}

/** Assesses the manifests of that revision. Returns `unknown` if they cannot be read. */
async function reassess(
  sync: Sync,
  found: Found,
  source: Source | undefined,
  deps: PassDeps,
): Promise<Assessment | { unknown: string }> {
  if (source === undefined) return { unknown: 'the source cannot be reached' };
  try {
    const manifests = await source.read(found, deps.signal);
    return manifests.revision === found.revision
      ? await assess(sync, manifests, deps.assess)
      : { unknown: 'the source no longer has them' };
  } catch (error) {
    if (error instanceof SourceError) return { unknown: error.message };
    throw error;
  }
}

async function applyRevision(sync: Sync, assessment: Assessment, deps: PassDeps): Promise<string[]> {
  await checkNotOvertaken(sync, deps);
  if (assessment.changes.length > 0 || assessment.prunes.length > 0) await deps.intend(sync, assessment);
  await letGo(sync, assessment, deps);
  const {
    assess: { resources, slice },
    record,
    note,
  } = deps;
  const writes = { known: record.known, note, slice };
  const failures = await applyChanges(resources, sync, assessment.changes, writes, assessment.revision);
  return failures.length > 0 ? failures : carryOutPrunes(assessment.prunes, prunePartsOf(sync, deps.assess));
}

/** Whether the revision is completely applied with the present spec. */
const isSettled = (sync: Sync, { revision }: Found): boolean =>
  sync.status?.revision === revision && sync.status.appliedSpec === specDigest(sync);

function nothingDiffers(sync: Sync, { record: { known }, live }: PassDeps): boolean {
  const manager = syncManager(keyOf(sync));
  return (sync.status?.inventory ?? []).every((entry) => {
    const id = entryId(entry);
    return id !== undefined && known.isAsIt(id, live(id), manager);
  });
}

const heals = ({ spec }: Sync, { requested }: PassDeps): boolean => spec.selfHeal || requested;

/** Corrects what others changed since the revision was applied. Returns one line for each failure. */
async function heal(sync: Sync, assessment: Assessment, deps: PassDeps): Promise<string[]> {
  if (!heals(sync, deps)) return [];
  if (assessment.changes.length > 0) await checkNotOvertaken(sync, deps);
  await letGo(sync, assessment, deps);
  const {
    assess: { resources, slice },
    record,
    note,
  } = deps;
  return applyChanges(resources, sync, assessment.changes, { known: record.known, note, slice });
}

/** If a person asked for it: ends the ownership of others in its objects. */
async function letGo(sync: Sync, { members }: Assessment, { assess, note }: PassDeps): Promise<void> {
  if (!assess.takesOver) return;
  const freed = await takeOver(assess.resources, members, syncManager(keyOf(sync)), assess.live);
  for (const object of freed) note(object);
}

async function checkNotOvertaken(sync: Sync, { assess, requested }: PassDeps): Promise<void> {
  try {
    const { metadata, spec } = await assess.resources.get('Sync', keyOf(sync));
    const same =
      metadata.uid === sync.metadata.uid &&
      metadata.generation === sync.metadata.generation &&
      metadata.deletionTimestamp === undefined;
    if (same && (!spec.suspend || requested)) return;
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
  throw new Overtaken();
}
