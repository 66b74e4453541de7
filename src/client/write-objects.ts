import pMap from 'p-map';
import { ApiError } from '../api/errors.ts';
import type { KindInfo } from '../api/kinds.ts';
import { type AnyObject, isTerminating, type New, type ObjectKey } from '../api/objects.ts';
import type { Resources } from './resources.ts';

/**
 * Writes kind by kind, in the order of the members, so that referenced objects are written before those that refer to
 * them; concurrently within one kind. A refused object does not stop the others. A write to an object that is being
 * deleted would be lost, so it counts as refused too.
 */
export async function writeAll<M extends Member>(
  resources: Resources,
  members: readonly M[],
  options: ApplyOptions,
): Promise<{ written: { member: M; object: AnyObject }[]; refused: Refused<M>[] }> {
  const written: { member: M; object: AnyObject }[] = [];
  const refused: Refused<M>[] = [];
  for (const group of Map.groupBy(members, ({ info }) => info.kind).values()) {
    const results = await parallel(group, 32, (member) => applyOne(resources, member, options));
    for (const [index, result] of results.entries()) {
      const member = group[index];
      if (member === undefined) continue;
      if (result.status === 'rejected') refused.push({ member, reason: result.reason });
      else if (isTerminating(result.value)) refused.push({ member, reason: lostWith(member) });
      else written.push({ member, object: result.value });
    }
  }
  return { written, refused };
}

/** Applies one object with server-side apply. */
export const applyOne = (
  resources: Resources,
  { info, key, object, force }: Member,
  { fieldManager, forceConflicts, author }: ApplyOptions,
  dryRun = false,
): Promise<AnyObject> =>
  resources.patch(
    info.kind,
    key,
    { type: 'apply', body: object },
    { fieldManager, force: force ?? forceConflicts, author, dryRun, fieldValidation: 'Strict' },
  );

/** The error for a write to an object that is being deleted. */
export const lostWith = ({ info, key }: Pick<Member, 'info' | 'key'>): ApiError =>
  new ApiError(
    'Conflict',
    `${info.plural} ${JSON.stringify(key.name)} is being deleted, so the change is lost: apply it again after the deletion`,
    { details: { name: key.name, group: info.group, kind: info.plural } },
  );

/** One object of a set that is applied together. */
export interface Member {
  info: KindInfo;
  /** The object that is sent, with its namespace. */
  object: New<AnyObject>;
  key: ObjectKey;
  /** Takes over fields that other managers own, for this object only. */
  force?: boolean | undefined;
}

/** Returns a unique text for an object: `Agent/default/web`, `Runtime//docker`. */
export const identity = ({ info, key }: Pick<Member, 'info' | 'key'>): string =>
  `${info.kind}/${key.namespace ?? ''}/${key.name}`;

export interface ApplyOptions {
  fieldManager: string;
  /** Takes over fields that other managers own. */
  forceConflicts?: boolean | undefined;
  /** The author to record: see WriteOptions. */
  author?: string | undefined;
}

/** An object that the server refused, with the reason: an ApiError, or the error that prevented the request. */
export interface Refused<M extends Member> {
  member: M;
  reason: unknown;
}

/**
 * Runs `work` on all items, at most `limit` at once. Returns the results in the order of the items, including
 * rejections.
 */
export const parallel = <T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<PromiseSettledResult<R>[]> =>
  pMap(
    items,
    async (item, index): Promise<PromiseSettledResult<R>> => {
      try {
        return { status: 'fulfilled', value: await work(item, index) };
      } catch (reason) {
        return { status: 'rejected', reason };
      }
    },
    { concurrency: limit },
  );
