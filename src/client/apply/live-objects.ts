import type { KindInfo } from '../../api/kinds.ts';
import type { AnyObject } from '../../api/objects.ts';
import { found, itemsOf, type Resources } from '../resources.ts';
import { identity, type Member } from './member.ts';

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
