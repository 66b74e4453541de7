import { authorOf } from '../api/annotations.ts';
import { isApiError } from '../api/errors.ts';
import { deepEqual, isObject } from '../api/json.ts';
import type { KindInfo } from '../api/kinds.ts';
import { type AnyObject, isTerminating, type New } from '../api/objects.ts';
import { found, itemsOf, type Resources } from './resources.ts';
import {
  type ApplyOptions,
  applyOne,
  identity,
  type Member,
  parallel,
  type Refused,
} from './write-objects.ts';

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

/**
 * Whether an apply of this object certainly changes nothing: the manager owns exactly these fields, and they have these
 * values. False if only the server can decide, for example for an amount in another unit. `stored` is the object with
 * everything that the server adds to it, as far as that is known.
 */
export function isUnchanged(
  sent: New<AnyObject>,
  live: AnyObject,
  fieldManager: string,
  stored: New<AnyObject> = sent,
): boolean {
  if (live.metadata.deletionTimestamp !== undefined || authorOf(live) !== undefined) return false;
  const entries = (live.metadata.managedFields ?? []).filter(
    ({ manager, operation, subresource }) =>
      manager === fieldManager && operation === 'Apply' && subresource === undefined,
  );
  const [entry] = entries;
  const { apiVersion: _version, kind: _kind, metadata, ...fields } = sent;
  const { name: _name, namespace: _namespace, ...rest } = metadata;
  const whole = Object.keys(rest).length === 0 ? fields : { ...fields, metadata: rest };
  if (entry === undefined) return Object.keys(whole).length === 0; // a manager that applies no field is not recorded
  if (entries.length > 1 || entry.apiVersion !== sent.apiVersion) return false;
  return hasFields(entry.fieldsV1, { sent: whole, stored, live });
}

/** The same path in all three objects. */
interface Place {
  sent: unknown;
  stored: unknown;
  live: unknown;
}

/** `owned` is a node of a FieldsV1, Kubernetes' format for sets of fields. */
function isSame(owned: unknown, place: Place): boolean {
  if (!isObject(owned)) return false;
  const { sent, stored, live } = place;
  const elements = elementsOf(owned);
  if (elements.length === 0) return deepEqual(stored, live);
  if (elements.every((element) => element.startsWith('k:'))) return hasItems(owned, place);
  if (elements.every((element) => element.startsWith('v:')))
    return Array.isArray(sent) && sent.length === elements.length && deepEqual(stored, live);
  return hasFields(owned, place);
}

function hasFields(owned: unknown, { sent, stored, live }: Place): boolean {
  if (!isObject(owned) || !isObject(sent) || !isObject(stored) || !isObject(live)) return false;
  const elements = elementsOf(owned);
  if (elements.length !== Object.keys(sent).length) return false;
  return elements.every((element) => {
    const name = element.slice('f:'.length);
    return (
      element.startsWith('f:') &&
      Object.hasOwn(sent, name) &&
      Object.hasOwn(live, name) &&
      isSame(owned[element], { sent: sent[name], stored: stored[name], live: live[name] })
    );
  });
}

/** Compares items of a list that are identified by keys. Others may own more items, but the order is the list's. */
function hasItems(owned: Record<string, unknown>, { sent, stored, live }: Place): boolean {
  const elements = elementsOf(owned);
  if (!Array.isArray(sent) || !Array.isArray(stored) || !Array.isArray(live)) return false;
  if (sent.length !== elements.length) return false;
  const places = new Map<unknown, number>();
  for (const element of elements) {
    const key: unknown = JSON.parse(element.slice('k:'.length));
    const [own, at] = [
      stored.findIndex((item) => hasKey(item, key)),
      live.findIndex((item) => hasKey(item, key)),
    ];
    if (
      own === -1 ||
      at === -1 ||
      !hasFields(owned[element], { sent: sent[own], stored: stored[own], live: live[at] })
    )
      return false;
    places.set(own, at);
  }
  const order = sent.map((_, own) => places.get(own) ?? -1);
  return order.every((at, own) => at > (order[own - 1] ?? -1));
}

const hasKey = (item: unknown, key: unknown): boolean =>
  isObject(item) && isObject(key) && Object.entries(key).every(([name, value]) => item[name] === value);

/** Returns the children of a node; `.` means that the node itself is owned. */
const elementsOf = (owned: Record<string, unknown>): string[] =>
  Object.keys(owned).filter((element) => element !== '.');
