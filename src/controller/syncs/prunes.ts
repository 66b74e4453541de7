import { authorOf, syncAnnotations, syncManager } from '../../api/annotations.ts';
import { isApiError } from '../../api/errors.ts';
import { applyOrder, kindInfo, kindOf } from '../../api/kinds.ts';
import {
  type AnyObject,
  type Kind,
  keyOf,
  type ObjectKey,
  type Sync,
  type SyncStatus,
} from '../../api/objects.ts';
import type { Resources } from '../../client/resources.ts';
import { identity, parallel } from '../../client/write-objects.ts';
import type { SyncMember } from './manifests.ts';

export type Entry = NonNullable<SyncStatus['inventory']>[number];

/** What happens to an object that the manifests no longer contain. */
export interface Prune {
  kind: Kind;
  key: ObjectKey;
  /** The object as it was read. */
  object: AnyObject;
  /** Why it is kept. Absent: it is deleted. */
  kept?: string | undefined;
  /** It is kept because somebody else applies it. This Sync removes its own fields. */
  release?: boolean | undefined;
  /**
   * It is kept for the Sync that now has it in its manifests. Its fields stay without an owner until that Sync applies
   * them.
   */
  handedTo?: string | undefined;
}

export const entryOf = ({ kind, key }: { kind: Kind; key: ObjectKey }, apiVersion: string): Entry => ({
  apiVersion,
  kind,
  ...(key.namespace === undefined ? {} : { namespace: key.namespace }),
  name: key.name,
});

/** Returns the `identity` of an entry, or undefined if its kind no longer exists. */
export function entryId({ apiVersion, kind, namespace, name }: Entry): string | undefined {
  const info = kindOf(apiVersion, kind);
  return info === undefined ? undefined : identity({ info, key: { namespace, name } });
}

export interface PruneDeps {
  resources: Resources;
  manager: string;
  /** Author of the Sync's writes. */
  author: string | undefined;
  prune: boolean;
  /** Returns how many objects of a Namespace are not being deleted. */
  held: (namespace: string) => number;
  /** See AssessParts. */
  isGone: (manager: string) => boolean;
  /** Returns the key of another Sync that has the object in its manifests. */
  claimant: (id: string) => string | undefined;
}

export const prunePartsOf = (
  sync: Sync,
  { resources, held, isGone, claimant }: Pick<PruneDeps, 'resources' | 'held' | 'isGone' | 'claimant'>,
): PruneDeps => ({
  resources,
  held,
  isGone,
  claimant,
  manager: syncManager(keyOf(sync)),
  author: authorOf(sync),
  prune: sync.spec.prune,
});

/**
 * Returns the entries of an inventory that the manifests no longer contain: those to delete and those to keep, in the
 * order of deletion. Leaves out objects that this Sync does not apply, because they are gone or somebody created them
 * again.
 */
export async function prunesOf(
  entries: readonly Entry[],
  wanted: ReadonlySet<string>,
  deps: PruneDeps,
): Promise<Prune[]> {
  const stale = entries.filter((entry) => !wanted.has(entryId(entry) ?? ''));
  const results = await parallel(stale, 16, async ({ apiVersion, kind, namespace, name }) => {
    const info = kindOf(apiVersion, kind);
    const key = namespace === undefined ? { name } : { namespace, name };
    return info === undefined ? undefined : pruneOf(info.kind, key, deps);
  });
  const prunes = results.flatMap((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value ?? [];
  });
  prunes.sort((a, b) => applyOrder.indexOf(b.kind) - applyOrder.indexOf(a.kind));
  const going = Map.groupBy(
    prunes.filter(({ kept }) => kept === undefined),
    ({ key }) => key.namespace ?? '',
  );
  return prunes.map((prune) => {
    if (prune.kind !== 'Namespace' || prune.kept !== undefined) return prune;
    const others = deps.held(prune.key.name) - (going.get(prune.key.name)?.length ?? 0);
    return others > 0
      ? { ...prune, kept: `it contains ${others} objects that this Sync does not apply` }
      : prune;
  });
}

/** Returns what happens to an object in its present state. Undefined if there is no object that this Sync applies. */
export async function pruneOf(kind: Kind, key: ObjectKey, deps: PruneDeps): Promise<Prune | undefined> {
  let object: AnyObject;
  try {
    object = await deps.resources.get(kind, key);
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }
  const appliers = (object.metadata.managedFields ?? []).filter(({ operation }) => operation === 'Apply');
  if (!appliers.some(({ manager }) => manager === deps.manager)) return undefined;
  if (object.metadata.deletionTimestamp !== undefined) return undefined;
  const [other] = appliers.filter(({ manager = '' }) => manager !== deps.manager && !deps.isGone(manager));
  const prune = { kind, key, object };
  if (other !== undefined)
    return { ...prune, kept: `${JSON.stringify(other.manager)} also applies it`, release: true };
  const info = kindInfo(kind);
  const handedTo = deps.claimant(identity({ info, key }));
  if (handedTo !== undefined) return { ...prune, kept: `the Sync ${handedTo} applies it now`, handedTo };
  if (!deps.prune) return { ...prune, kept: 'spec.prune of the Sync is false' };
  if (object.metadata.annotations?.[syncAnnotations.prune] === 'disabled')
    return { ...prune, kept: `it has the annotation ${syncAnnotations.prune}: disabled` };
  return prune;
}

/** Returns for example `agent/web`, for people. */
export const pruneText = ({ kind, key }: Pick<Prune, 'kind' | 'key'>): string =>
  `${kind.toLowerCase()}/${key.name}`;

/**
 * Makes this manager the only applier of the objects. The others' fields stay, without an owner, as if they had never
 * been applied. Otherwise each field that differs later would be a new conflict. Throws the first error of the server.
 */
export async function takeOver(
  resources: Resources,
  members: readonly SyncMember[],
  manager: string,
  live: (member: SyncMember) => AnyObject | undefined,
): Promise<AnyObject[]> {
  const results = await parallel(members, 32, async (member) => {
    const object = live(member);
    return object && disown(resources, member.info.kind, member.key, object, (other) => other !== manager);
  });
  return results.flatMap((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value ?? [];
  });
}

/** Removes the ownership of these managers in an object, without changing its fields. `object`: as it was read. */
export async function disown(
  resources: Resources,
  kind: Kind,
  key: ObjectKey,
  object: AnyObject,
  whose: (manager: string | undefined) => boolean,
): Promise<AnyObject | undefined> {
  const body = (object.metadata.managedFields ?? [])
    .map((entry, index) => ({ entry, path: `/metadata/managedFields/${index}` }))
    .filter(({ entry }) => entry.operation === 'Apply' && whose(entry.manager))
    .reverse() // backwards, so that no removal shifts the next path
    .flatMap(({ entry, path }) => [
      { op: 'test', path: `${path}/manager`, value: entry.manager },
      { op: 'remove', path },
    ]);
  return body.length === 0 ? undefined : resources.patch(kind, key, { type: 'json', body });
}
