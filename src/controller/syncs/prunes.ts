import { authorOf } from '../../api/author.ts';
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
import { syncAnnotations, syncManager } from '../../api/sync.ts';
import { identity } from '../../client/apply/member.ts';
import { parallel } from '../../client/parallel.ts';
import type { Resources } from '../../client/resources.ts';
import type { SyncMember } from './manifests.ts';

export type Entry = NonNullable<SyncStatus['inventory']>[number];

/** What becomes of an object that the manifests no longer name. */
export interface Prune {
  kind: Kind;
  key: ObjectKey;
  /** As it was read. */
  object: AnyObject;
  /** Why it is left; absent: it is deleted. */
  kept?: string | undefined;
  /** Kept, since somebody else applies it: this Sync lets go of its fields. */
  release?: boolean | undefined;
  /** Kept for the Sync that has it in its manifests now: its fields stay, and belong to nobody until that one applies them. */
  handedTo?: string | undefined;
}

export const entryOf = ({ kind, key }: { kind: Kind; key: ObjectKey }, apiVersion: string): Entry => ({
  apiVersion,
  kind,
  ...(key.namespace === undefined ? {} : { namespace: key.namespace }),
  name: key.name,
});

/** As `identity` of what is applied; undefined of a kind that there is no more. */
export function entryId({ apiVersion, kind, namespace, name }: Entry): string | undefined {
  const info = kindOf(apiVersion, kind);
  return info === undefined ? undefined : identity({ info, key: { namespace, name } });
}

export interface PruneDeps {
  resources: Resources;
  manager: string;
  /** In whose name the Sync writes. */
  author: string | undefined;
  prune: boolean;
  /** How many objects a Namespace holds that are not being deleted. */
  held: (namespace: string) => number;
  /** See AssessParts. */
  isGone: (manager: string) => boolean;
  /** The key of another Sync that has the object in its manifests. */
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
 * Of the entries of an inventory that the manifests no longer name: those to delete and those that are kept, in the order
 * of deletion. What this Sync does not apply (it went, or somebody made it anew) is in neither: it is not its own.
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

/** What becomes of an object as it is now; undefined where there is none that this Sync applies. */
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

/** `agent/web`, for people. */
export const pruneText = ({ kind, key }: Pick<Prune, 'kind' | 'key'>): string =>
  `${kind.toLowerCase()}/${key.name}`;

/**
 * Lets none but this manager apply the objects any more: the others' fields stay as they are and belong to nobody, as if
 * they had never been applied. Else each field that differs later would be a conflict anew. Throws what the first that
 * fails was refused with.
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

/** What these managers applied of an object stays as it is, and is nobody's. `object`: as it was read. */
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
    .reverse() // so that no removal moves another
    .flatMap(({ entry, path }) => [
      { op: 'test', path: `${path}/manager`, value: entry.manager },
      { op: 'remove', path },
    ]);
  return body.length === 0 ? undefined : resources.patch(kind, key, { type: 'json', body });
}
