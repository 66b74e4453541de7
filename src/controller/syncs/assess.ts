import { authorOf } from '../../api/author.ts';
import { type ApiError, isApiError, type StatusReason } from '../../api/errors.ts';
import { applyOrder } from '../../api/kinds.ts';
import { type AnyObject, keyOf, type Sync } from '../../api/objects.ts';
import { pathText } from '../../api/path.ts';
import { syncAnnotations, syncManager } from '../../api/sync.ts';
import { type Tried, tryAll } from '../../client/apply/compare.ts';
import { identity, type Refused } from '../../client/apply/member.ts';
import type { Resources } from '../../client/resources.ts';
import { syncOutOfBounds } from '../../plan/sync/bounds.ts';
import { mayTakeBack, type Rival, rivals, rivalsText, waitsForApproval } from '../../plan/sync/conflict.ts';
import type { Manifests } from '../../sources/source.ts';
import type { Known } from './known.ts';
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

/** What a revision would do, were it applied now. Nothing has been written. */
export interface Assessment {
  revision: string;
  reference: string | undefined;
  /** All that the manifests name, in the order of the writes. */
  members: readonly SyncMember[];
  /** Of these what differs from what is; what somebody changed since is taken back (force). */
  changes: readonly Tried<SyncMember>[];
  /** Objects that are left as they are: somebody else applies them with other values, or autoRevert set them back. */
  conflicts: readonly { member: SyncMember; text: string; reverted?: true }[];
  prunes: readonly Prune[];
  /** What is wrong with it; with faults of the manifests themselves nothing else was looked at. */
  faults: readonly Fault[];
  needsApproval: boolean;
  /** What is taken, and can hardly be meant. */
  warnings: readonly string[];
}

export interface AssessDeps extends ManifestDeps {
  resources: Resources;
  known: Known;
  /** What is now, as the controller's cache has it. */
  live: (member: SyncMember) => AnyObject | undefined;
  held: (namespace: string) => number;
  /** The manager is a Sync that was deleted: it does not want its fields again. */
  isGone: (manager: string) => boolean;
  /** The manager is a Sync of the same source whose manifests no longer name the object. */
  letsGo: (manager: string, id: string) => boolean;
  /** See PruneParts. */
  claimant: (id: string) => string | undefined;
  /** A person asked that what others apply be taken over. */
  takesOver: boolean;
}

/** Throws SourceError where the manifests cannot be read within bounds, and ApiError where the server gives no verdict. */
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

/** The server tries an unknown target to be as it should be. */
async function tryMembers(
  sync: Sync,
  revision: string,
  members: readonly SyncMember[],
  { resources, known, live, isGone, letsGo, takesOver, turns }: AssessDeps,
): Promise<{ changes: Tried<SyncMember>[]; conflicts: Assessment['conflicts']; refused: Finding[] }> {
  const fieldManager = syncManager(keyOf(sync));
  const options = { fieldManager, author: authorOf(sync) };
  const own = `${sync.metadata.namespace}/${sync.metadata.name}`;
  const before = new Map<string, AnyObject>();
  const asked: SyncMember[] = [];
  for (const member of members) {
    await turns.next();
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
    await turns.next();
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
  if (!isApiError(reason) || noVerdicts.includes(reason.reason)) throw reason;
  return causesOf(reason).map(({ field, message }) => ({
    reason: 'Refused',
    document,
    path: field === '' ? [] : field.split('.'),
    field,
    message,
  }));
}

/** Of a server that is not well: the manifest may be. */
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
