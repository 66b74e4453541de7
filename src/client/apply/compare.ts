import { isApiError } from '../../api/errors.ts';
import { deepEqual } from '../../api/json.ts';
import type { KindInfo } from '../../api/kinds.ts';
import { type AnyObject, isTerminating } from '../../api/objects.ts';
import { parallel } from '../parallel.ts';
import { found, itemsOf, type Resources } from '../resources.ts';
import { isUnchanged } from './unchanged.ts';
import { type ApplyOptions, applyOne, identity, type Member, type Refused } from './write-objects.ts';

/** How the server would apply an object: before and after. `after` is absent if its namespace does not exist yet. */
export interface Tried<M extends Member> {
  member: M;
  before: AnyObject | undefined;
  after: AnyObject | undefined;
  change: 'Created' | 'Configured' | 'Unchanged';
}

/**
 * Dry-runs every object on the server, except those that are certainly unchanged. `live` has the current objects.
 * Throws if the server is unreachable.
 */
export async function tryAll<M extends Member>(
  resources: Resources,
  members: readonly M[],
  live: ReadonlyMap<string, AnyObject>,
  options: ApplyOptions,
): Promise<{ tried: Tried<M>[]; refused: Refused<M>[] }> {
  const coming = new Set(members.filter(({ info }) => info.kind === 'Namespace').map(({ key }) => key.name));
  const results = await parallel(members, 32, async (member) => {
    const before = live.get(identity(member));
    const isSame =
      before !== undefined &&
      options.author === undefined &&
      isUnchanged(member.object, before, options.fieldManager);
    return isSame ? before : applyOne(resources, member, options, true);
  });
  const tried: Tried<M>[] = [];
  const refused: Refused<M>[] = [];
  for (const [index, result] of results.entries()) {
    const member = members[index];
    if (member === undefined) continue;
    const before = live.get(identity(member));
    const take = (after: AnyObject | undefined): void => {
      // An object that is being deleted counts as missing: the manifest requires a new one.
      const kept = after !== undefined && isTerminating(after) ? undefined : before;
      tried.push({ member, before: kept, after, change: changeOf(kept, after, options) });
    };
    if (result.status === 'fulfilled') take(result.value);
    else if (waitsForNamespace(result.reason, member, coming)) take(undefined);
    else refused.push({ member, reason: result.reason });
  }
  const lost = refused.find(({ reason }) => !isApiError(reason));
  if (lost !== undefined) throw lost.reason;
  return { tried, refused };
}

/** An object that would not change need not be sent again: the dry run has shown that the write would do nothing. */
function changeOf(
  before: AnyObject | undefined,
  after: AnyObject | undefined,
  options: ApplyOptions,
): Tried<Member>['change'] {
  if (before === undefined) return 'Created';
  return after !== undefined && deepEqual(applied(before, options), applied(after, options))
    ? 'Unchanged'
    : 'Configured';
}

/**
 * Returns what an apply by this manager could have changed: a controller may write status and finalizers between two
 * reads. Finalizers of this manager are visible in the fields that it manages.
 */
export function applied(object: AnyObject, { fieldManager }: Pick<ApplyOptions, 'fieldManager'>): unknown {
  const { resourceVersion: _version, finalizers: _finalizers, managedFields, ...metadata } = object.metadata;
  const managed = managedFields?.filter(
    ({ manager, operation }) => manager === fieldManager && operation === 'Apply',
  );
  return { ...object, status: undefined, metadata: { ...metadata, managed } };
}

/** Whether the namespace is in the same set, which writes it first. */
const waitsForNamespace = (error: unknown, { key }: Member, coming: ReadonlySet<string>): boolean =>
  isApiError(error, 'NotFound') &&
  key.namespace !== undefined &&
  coming.has(key.namespace) &&
  (error.details?.kind === undefined || /namespace/i.test(error.details.kind));

/**
 * Returns the current objects of a set by identity, with one list for each kind and namespace, or with gets if they are
 * few.
 */
export async function liveObjects(
  resources: Resources,
  members: readonly Member[],
): Promise<ReadonlyMap<string, AnyObject>> {
  const live = new Map<string, AnyObject>();
  const groups = Map.groupBy(members, ({ info, key }) => `${info.kind}/${key.namespace ?? ''}`);
  await Promise.all(
    [...groups.values()].map(async (group) => {
      const [first] = group;
      if (first === undefined) return;
      const { info, key } = first;
      const objects =
        group.length > 3 ? await listed(resources, info, key.namespace) : await gotten(resources, group);
      for (const object of objects) {
        const { namespace, name } = object.metadata;
        live.set(identity({ info, key: namespace === undefined ? { name } : { namespace, name } }), object);
      }
    }),
  );
  return live;
}

const listed = async (
  resources: Resources,
  info: KindInfo,
  namespace: string | undefined,
): Promise<AnyObject[]> => itemsOf(info, await resources.list(info.kind, { namespace }));

async function gotten(resources: Resources, group: readonly Member[]): Promise<AnyObject[]> {
  const objects = await Promise.all(group.map(({ info, key }) => found(resources.get(info.kind, key))));
  return objects.filter((object) => object !== undefined);
}
