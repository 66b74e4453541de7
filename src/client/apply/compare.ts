import { deepEqual } from '../../api/equal.ts';
import { isApiError } from '../../api/errors.ts';
import { type AnyObject, isTerminating } from '../../api/objects.ts';
import { parallel } from '../parallel.ts';
import type { Resources } from '../resources.ts';
import { type ApplyOptions, identity, type Member, type Refused } from './member.ts';
import { isUnchanged } from './unchanged.ts';
import { applyOne } from './write.ts';

/** How the server would take an object: before and after. `after` is absent where its namespace is yet to come. */
export interface Tried<M extends Member> {
  member: M;
  before: AnyObject | undefined;
  after: AnyObject | undefined;
  change: 'Created' | 'Configured' | 'Unchanged';
}

/**
 * The server tries every object without writing, but those that are as they are sent. `live` has them as they are now.
 * Throws where it is out of reach.
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
      // One that is being deleted is as good as gone: the manifest asks for a new one.
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

/** What would change nothing need not be sent again: the server has just said that its write would be none. */
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
 * What an apply of this manager could have changed: a controller may write status and finalizers between two reads.
 * Finalizers that are ours show among the fields that we manage.
 */
export function applied(object: AnyObject, { fieldManager }: Pick<ApplyOptions, 'fieldManager'>): unknown {
  const { resourceVersion: _version, finalizers: _finalizers, managedFields, ...metadata } = object.metadata;
  const managed = managedFields?.filter(
    ({ manager, operation }) => manager === fieldManager && operation === 'Apply',
  );
  return { ...object, status: undefined, metadata: { ...metadata, managed } };
}

/** The namespace is in the same set, and written first. */
const waitsForNamespace = (error: unknown, { key }: Member, coming: ReadonlySet<string>): boolean =>
  isApiError(error, 'NotFound') &&
  key.namespace !== undefined &&
  coming.has(key.namespace) &&
  (error.details?.kind === undefined || /namespace/i.test(error.details.kind));
