import type { AnyObject, Kind, ObjectKey } from '../../api/objects.ts';
import { parallel } from '../../client/parallel.ts';
import type { Resources } from '../../client/resources.ts';
import type { SyncMember } from './manifests.ts';

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
