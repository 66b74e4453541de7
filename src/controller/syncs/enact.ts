import { authorOf, syncAnnotations, syncManager } from '../../api/annotations.ts';
import { type Change, changeLine, changesOf } from '../../api/difference.ts';
import { isApiError } from '../../api/errors.ts';
import { kindInfo } from '../../api/kinds.ts';
import { type AnyObject, keyOf, type Sync, type SyncStatus } from '../../api/objects.ts';
import { beginning } from '../../api/text.ts';
import type { Tried } from '../../client/compare-objects.ts';
import type { Resources } from '../../client/resources.ts';
import type { ObjectChange } from '../../client/streams.ts';
import { identity, type Refused, writeAll } from '../../client/write-objects.ts';
import { mayTakeBack, rivals } from '../../plan/sync-bounds.ts';
import type { TimeSlice } from '../../platform/clock.ts';
import type { Assessment } from './assess.ts';
import type { Known } from './known-objects.ts';
import { fromRevision, type SyncMember } from './manifests.ts';
import {
  disown,
  type Entry,
  entryId,
  entryOf,
  type Prune,
  type PruneDeps,
  pruneOf,
  pruneText,
} from './prunes.ts';

/** Writes the changes of an Assessment. A failure does not stop the others. Returns one line for each failure. */
export async function applyChanges(
  resources: Resources,
  sync: Sync,
  changes: readonly Tried<SyncMember>[],
  { known, note, slice }: { known: Known; note: (object: AnyObject) => void; slice: TimeSlice },
  /** Revision that the changes come from. Absent: the objects keep their revision annotation. */
  revision?: string,
): Promise<string[]> {
  const fieldManager = syncManager(keyOf(sync));
  const options = { fieldManager, author: authorOf(sync) };
  const members = changes.map(({ member }) =>
    revision === undefined ? member : fromRevision(member, revision),
  );
  const first = await writeAll(resources, members, options);
  // Somebody changed the object, or its revision annotation, since the dry run.
  const isTaken = ({ reason }: Refused<SyncMember>): boolean =>
    isApiError(reason, 'Conflict') && mayTakeBack(rivals(reason));
  const again = first.refused.filter(isTaken).map(({ member }) => ({ ...member, force: true }));
  const second = await writeAll(resources, again, options);
  for (const { member, object } of [...first.written, ...second.written]) {
    await slice.next();
    known.note(member, object, fieldManager); // before `note`, so that the change is already known
    note(object);
  }
  const refused = first.refused.filter((refusal) => !isTaken(refusal));
  return [...refused, ...second.refused].map(({ member, reason }) => {
    known.forget(identity(member));
    return failureText(memberText(member), reason);
  });
}

/** Deletes what the manifests no longer contain. Returns one line for each failure. */
export async function carryOutPrunes(prunes: readonly Prune[], deps: PruneDeps): Promise<string[]> {
  const failures: string[] = [];
  for (const prune of prunes) {
    try {
      if (prune.release === true) await release(prune, deps);
      else if (prune.handedTo !== undefined) await handOver(prune, deps);
      else if (prune.kept === undefined) await remove(prune, deps);
    } catch (error) {
      failures.push(failureText(pruneText(prune), error));
    }
  }
  return failures;
}

/**
 * Reads the object again, because since the Assessment somebody may have created it again, protected it, or started to
 * apply it.
 */
async function remove({ kind, key, object }: Prune, deps: PruneDeps): Promise<void> {
  const { uid } = object.metadata;
  const now = await pruneOf(kind, key, deps);
  if (now?.object.metadata.uid !== uid) return;
  if (now.release === true) return release(now, deps);
  if (now.handedTo !== undefined) return handOver(now, deps);
  if (now.kept !== undefined) return;
  const { resourceVersion } = now.object.metadata;
  try {
    await deps.resources.delete(kind, key, { preconditions: { uid, resourceVersion } });
  } catch (error) {
    if (isApiError(error, 'Conflict')) return remove(now, deps); // changed in between
    if (!isApiError(error, 'NotFound')) throw error; // already gone
  }
}

/** Removes the Sync's own fields and keeps those that others apply too (server-side apply of nothing). */
async function release(
  { kind, key, object }: Prune,
  { resources, manager, author }: PruneDeps,
): Promise<void> {
  const body = { apiVersion: object.apiVersion, kind, metadata: key };
  try {
    await resources.patch(kind, key, { type: 'apply', body }, { fieldManager: manager, author });
  } catch (error) {
    // Without these fields the object would be invalid. So they stay, and belong to the others that apply it.
    if (!isApiError(error, 'Invalid') && !isApiError(error, 'NotFound')) throw error;
  }
}

/** Gives the object to another Sync, unchanged. It may have been handed over before, or be gone. */
async function handOver({ kind, key, object }: Prune, { resources, manager }: PruneDeps): Promise<void> {
  try {
    await disown(resources, kind, key, object, (other) => other === manager);
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
}

const failureText = (what: string, error: unknown): string =>
  `${what}: ${error instanceof Error ? error.message : String(error)}`;

const memberText = ({ document: { source, line }, info: { kind }, key }: SyncMember): string =>
  `${source}:${line}: ${pruneText({ kind, key })}`;

/** Returns what an Assessment would change, object by object, in the order of the writes. */
export function objectChanges({ changes, prunes }: Pick<Assessment, 'changes' | 'prunes'>): ObjectChange[] {
  return [
    ...changes.map(
      ({ member: { info, key }, change, before, after }): ObjectChange => ({
        kind: info.kind,
        ...key,
        change: change === 'Created' ? 'Created' : 'Configured',
        fields: before === undefined || after === undefined ? [] : fieldsOf(before, after),
      }),
    ),
    ...prunes.map(
      ({ kind, key, kept }): ObjectChange => ({
        kind,
        ...key,
        change: kept === undefined ? 'Pruned' : 'Kept',
        fields: [],
        ...(kept === undefined ? {} : { why: kept }),
      }),
    ),
  ];
}

/** Returns the changed fields of an object, without the annotations of its origin. */
export const fieldsOf = (before: AnyObject, after: AnyObject): Change[] =>
  changesOf(kindInfo(after.kind), before, after).filter(
    ({ path }) => !notes.some((name) => path.includes(name)),
  );

const notes = [syncAnnotations.sync, syncAnnotations.revision, syncAnnotations.path];

const mostObjects = 100;
const mostFields = 20;
const longestField = 200;

type ShownChange = NonNullable<SyncStatus['changes']>[number];

/** Returns the changes for the status, limited in number and size. */
export const shownChanges = (changes: readonly ObjectChange[]): ShownChange[] =>
  changes.slice(0, mostObjects).map(({ kind, namespace, name, change, fields, why }) => ({
    kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    change,
    ...(fields.length === 0 && why === undefined
      ? {}
      : { fields: why === undefined ? fieldTexts(fields) : [why] }),
  }));

export function fieldTexts(fields: readonly Change[]): string[] {
  const lines = fields.slice(0, mostFields).map((field) => {
    const line = changeLine(field);
    return line.length > longestField ? `${beginning(line, longestField - 3)}...` : line;
  });
  return fields.length > mostFields ? [...lines, `and ${fields.length - mostFields} more`] : lines;
}

/** Returns the inventory with all members that are about to be applied. Existing entries keep their order. */
export function withMembers(inventory: readonly Entry[], members: readonly SyncMember[]): Entry[] {
  const ids = new Set(inventory.map(entryId));
  const added = members.filter((member) => !ids.has(identity(member)));
  return [...inventory, ...added.map(({ info, key }) => entryOf({ kind: info.kind, key }, info.apiVersion))];
}
