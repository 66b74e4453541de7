import { labels } from '../../api/annotations.ts';
import { DriverError, type RunSpec } from '../driver.ts';
import { volumeLabels } from './container-body.ts';
import { hasStatus, stepError } from './docker-errors.ts';
import type { Engine } from './engine.ts';
import { shared } from './engine-facts.ts';

type Owner = Pick<RunSpec['identity'], 'store' | 'namespace' | 'agent'>;

/** Docker's types lack the null. */
interface Labelled {
  Labels: Record<string, string> | null;
}

export interface Volumes {
  list(namespace: string, agent: string): Promise<string[]>;
  /** Keeps a volume without our labels, which existed before, and a volume of another agent. */
  removeIfOurs(name: string, owner?: Owner | undefined): Promise<void>;
  /**
   * Finds the agent's own volumes by their labels and creates the missing ones. Returns the spec with their names.
   * Throws NotStartable VolumeTaken if a volume with that name belongs to someone else.
   */
  own(spec: RunSpec): Promise<RunSpec>;
}

export function createVolumes({ calls }: Engine, storeId: string): Volumes {
  const labelsOf = async (name: string): Promise<Labelled['Labels'] | undefined> => {
    try {
      const { Labels: found }: Labelled = await calls.getVolume(encodeURIComponent(name)).inspect();
      return found;
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw stepError(error, name, `inspect the volume ${name}`);
    }
  };

  const nameOf = async (name: string, formerName: string, owner: Owner): Promise<string> => {
    if (isOf(await labelsOf(formerName), owner)) return formerName;
    // The engine does not change an existing volume.
    await calls.createVolume({ Name: name, Labels: volumeLabels(owner) });
    if (!isOf(await labelsOf(name), owner)) throw taken(name);
    return name;
  };

  /** All volumes of the store. Shared, because a delete of many agents asks for each. */
  const listAll = shared(async () => {
    const { Volumes: found } = await calls
      .listVolumes({ filters: { label: [`${labels.store}=${storeId}`] } })
      .catch((error: unknown) => {
        throw stepError(error, '', 'list volumes');
      });
    return found ?? [];
  });

  return {
    async list(namespace, agent) {
      // If a filter has several labels, Docker requires all, Podman any of them.
      return (await listAll())
        .filter(({ Labels: own }) => isOf(own, { store: storeId, namespace, agent }))
        .map(({ Name: name }) => name)
        .toSorted();
    },
    async removeIfOurs(name, owner) {
      const found = await labelsOf(name);
      if (owner === undefined ? found?.[labels.store] !== storeId : !isOf(found, owner)) return;
      try {
        await calls.getVolume(encodeURIComponent(name)).remove();
      } catch (error) {
        if (!hasStatus(error, 404)) throw stepError(error, name, `remove the volume ${name}`);
      }
    },
    async own(spec) {
      const mounts: RunSpec['mounts'][number][] = [];
      for (const mount of spec.mounts) {
        const former = mount.type === 'Volume' ? mount.formerName : undefined;
        if (mount.type !== 'Volume' || former === undefined) mounts.push(mount);
        else mounts.push({ ...mount, name: await nameOf(mount.name, former, spec.identity) });
      }
      return { ...spec, mounts };
    },
  };
}

const isOf = (found: Labelled['Labels'] | undefined, owner: Owner): boolean =>
  Object.entries(volumeLabels(owner)).every(([name, value]) => found?.[name] === value);

const taken = (name: string): DriverError =>
  new DriverError(
    'NotStartable',
    'VolumeTaken',
    `the volume ${name} exists, and agentctl did not create it:`,
    {
      remedy: `remove it (docker volume rm ${name}), or use it: set named.volumeName to ${name} and add it to the Runtime's allow.volumes`,
    },
  );
