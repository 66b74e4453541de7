import { ApiError } from '../../api/errors.ts';
import { type AnyObject, isTerminating } from '../../api/objects.ts';
import { parallel } from '../parallel.ts';
import type { Resources } from '../resources.ts';
import type { ApplyOptions, Member, Refused } from './member.ts';

/**
 * Writes kind by kind, in the order of the members, so that what is referred to stands before what refers to it; all of
 * one kind side by side. One that is refused holds up no other. What is written to an object that is being deleted is
 * lost with it, so that is refused too.
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

/** Server-side apply of one object. */
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

/** What became of a write to an object that is being deleted. */
export const lostWith = ({ info, key }: Pick<Member, 'info' | 'key'>): ApiError =>
  new ApiError(
    'Conflict',
    `${info.plural} ${JSON.stringify(key.name)} is being deleted, so the change is lost: apply it again after the deletion`,
    { details: { name: key.name, group: info.group, kind: info.plural } },
  );
