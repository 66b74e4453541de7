import { authorOf, syncAnnotations, syncManager } from '../../api/annotations.ts';
import { type ApiError, isApiError, type StatusReason } from '../../api/errors.ts';
import { pathText } from '../../api/json.ts';
import { applyOrder } from '../../api/kinds.ts';
import { type AnyObject, keyOf, type Sync } from '../../api/objects.ts';
import { type Tried, tryAll } from '../../client/compare-objects.ts';
import type { Resources } from '../../client/resources.ts';
import { identity, type Refused } from '../../client/write-objects.ts';
import {
  mayTakeBack,
  type Rival,
  rivals,
  rivalsText,
  syncOutOfBounds,
  waitsForApproval,
} from '../../plan/sync-bounds.ts';
import type { Manifests } from '../../sources/source.ts';
import type { Known } from './known-objects.ts';
import {
  type Fault,
  type Finding,
  faultsAt,
  fromRevision,
  type ManifestDeps,
  membersOf,
  type SyncMember,
} from './manifests.ts';
import { type Prune, prunePartsOf, prunesOf } from './prunes.ts';

/** What a revision would change if it were applied now. Nothing is written yet. */
export interface Assessment {
  revision: string;
  reference: string | undefined;
  /** All objects of the manifests, in the order of the writes. */
  members: readonly SyncMember[];
  /** Those of them that differ from the stored objects. `force` takes back what somebody changed with an update. */
  changes: readonly Tried<SyncMember>[];
  /** Objects that stay unchanged: somebody else applies them with other values, or autoRevert reverted them. */
  conflicts: readonly { member: SyncMember; text: string; reverted?: true }[];
  prunes: readonly Prune[];
  /** What is wrong with the revision. If the manifests themselves have faults, nothing else was checked. */
  faults: readonly Fault[];
  needsApproval: boolean;
  /** Manifests that are accepted but are probably a mistake. */
  warnings: readonly string[];
}

export interface AssessDeps extends ManifestDeps {
  resources: Resources;
  known: Known;
  /** Returns the stored object from the controller's cache. */
  live: (member: SyncMember) => AnyObject | undefined;
  held: (namespace: string) => number;
  /** Whether the manager is a deleted Sync, which no longer wants its fields. */
  isGone: (manager: string) => boolean;
  /** Whether the manager is a Sync of the same source whose manifests no longer contain the object. */
  letsGo: (manager: string, id: string) => boolean;
  /** See PruneParts. */
  claimant: (id: string) => string | undefined;
  /** A person asked to take over what others apply. */
  takesOver: boolean;
}

/**
 * Returns the Assessment of manifests. Throws SourceError if they cannot be read within the limits, and ApiError if the
 * server gives no verdict.
 */
export async function assess(sync: Sync, manifests: Manifests, deps: AssessDeps): Promise<Assessment> {
  const { revision, reference, unused = [] } = manifests;
  const { members, faults, warnings } = await membersOf(manifests, deps);
  members.sort((a, b) => applyOrder.indexOf(a.info.kind) - applyOrder.indexOf(b.info.kind));
  const base = {
    revision,
    reference,
    members,
    warnings: [...unused.map((pattern) => `${pattern} matches nothing`), ...warnings],
  };
  if (faults.length > 0)
    return { ...base, changes: [], conflicts: [], prunes: [], faults, needsApproval: false };
  const { changes, conflicts, refused } = await tryMembers(sync, revision, members, deps);
  const inventory = sync.status?.inventory ?? [];
  const wanted = new Set(members.map(identity));
  const prunes = await prunesOf(inventory, wanted, prunePartsOf(sync, deps));
  const deletes = prunes.filter(({ kept }) => kept === undefined).length;
  const approved = sync.metadata.annotations?.[syncAnnotations.approved] === revision;
  return {
    ...base,
    changes,
    conflicts,
    prunes,
    faults: await faultsAt(
      manifests,
      [...refused, ...changes.flatMap((change) => beyondBounds(change, deps))],
      deps,
    ),
    needsApproval:
      !approved &&
      waitsForApproval(sync.spec, { deletes, inventory: inventory.length, manifests: members.length }),
  };
}

/** Dry-runs the members on the server. Skips members that `known` shows as unchanged. */
async function tryMembers(
  sync: Sync,
  revision: string,
  members: readonly SyncMember[],
  { resources, known, live, isGone, letsGo, takesOver, slice }: AssessDeps,
): Promise<{ changes: Tried<SyncMember>[]; conflicts: Assessment['conflicts']; refused: Finding[] }> {
  const fieldManager = syncManager(keyOf(sync));
  const options = { fieldManager, author: authorOf(sync) };
  const own = `${sync.metadata.namespace}/${sync.metadata.name}`;
  const before = new Map<string, AnyObject>();
  const asked: SyncMember[] = [];
  for (const member of members) {
    await slice.next();
    const object = live(member);
    const id = identity(member);
    if (known.isSame(member) && known.isAsIt(id, object, fieldManager)) continue;
    if (object !== undefined) before.set(id, object);
    const annotations = object?.metadata.annotations ?? {};
    const since =
      annotations[syncAnnotations.sync] === own ? annotations[syncAnnotations.revision] : undefined;
    asked.push(fromRevision(member, since ?? revision));
  }
  const yields = (manager: string, id: string): boolean =>
    takesOver || isGone(manager) || letsGo(manager, id);
  const first = await tryAll(resources, asked, before, options);
  const split = first.refused.map((refusal) => ({
    refusal,
    rivals: rivalsOf(refusal.reason, (manager) => yields(manager, identity(refusal.member))),
  }));
  const taken = split
    .filter(({ rivals }) => mayTakeBack(rivals))
    .map(({ refusal }) => ({ ...refusal.member, force: true }));
  const second = await tryAll(resources, taken, before, options);
  const tried = [...first.tried, ...second.tried];
  for (const { member, change, after } of tried) {
    await slice.next();
    if (change === 'Unchanged' && after !== undefined)
      known.note(member, before.get(identity(member)) ?? after, fieldManager);
  }
  return {
    changes: tried
      .filter(({ change }) => change !== 'Unchanged')
      .sort((a, b) => applyOrder.indexOf(a.member.info.kind) - applyOrder.indexOf(b.member.info.kind)),
    conflicts: split
      .filter(({ rivals }) => rivals.some(({ applies }) => applies))
      .map(({ refusal, rivals }) => ({ member: refusal.member, text: rivalsText(rivals, fieldManager) })),
    refused: [
      ...split.filter(({ rivals }) => rivals.length === 0).map(({ refusal }) => refusal),
      ...second.refused,
    ].flatMap(refusedFindings),
  };
}

const rivalsOf = (error: unknown, yields: (manager: string) => boolean): Rival[] =>
  (isApiError(error, 'Conflict') ? rivals(error) : []).map((rival) => ({
    ...rival,
    applies: rival.applies && !yields(rival.manager),
  }));

function beyondBounds({ member: { document }, after }: Tried<SyncMember>, { bounds }: AssessDeps): Finding[] {
  if (after?.kind !== 'Sync') return [];
  return syncOutOfBounds(after.spec, bounds).map(({ path, message }) => ({
    reason: 'NotAllowed',
    document,
    path,
    field: pathText(path),
    message,
  }));
}

function refusedFindings({ member: { document }, reason }: Refused<SyncMember>): Finding[] {
  if (!isApiError(reason) || noVerdicts.includes(reason.code)) throw reason;
  return causesOf(reason).map(({ field, message }) => ({
    reason: 'Refused',
    document,
    path: field === '' ? [] : field.split('.'),
    field,
    message,
  }));
}

/** Reasons of a server in trouble. They say nothing about the manifest. */
const noVerdicts: readonly StatusReason[] = [
  'Unauthorized',
  'TooManyRequests',
  'Timeout',
  'InternalError',
  'ServiceUnavailable',
];

function causesOf({ details, message }: ApiError): { field: string; message: string }[] {
  const causes = details?.causes ?? [];
  return causes.length === 0
    ? [{ field: '', message }]
    : causes.map(({ field = '', message }) => ({ field, message }));
}
