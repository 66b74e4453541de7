import { labels } from '../driver.ts';
import type { Engine } from './engine.ts';
import { hasStatus, stepError } from './errors.ts';

/** Docker's types pass over the null. */
interface Labelled {
  Labels: Record<string, string> | null;
}

export interface Volumes {
  list(namespace: string, agent: string): Promise<string[]>;
  /** One that was there before us bears no label of ours, and stays. */
  removeIfOurs(name: string): Promise<void>;
}

export function createVolumes({ calls }: Engine, storeId: string): Volumes {
  return {
    async list(namespace, agent) {
      const { Volumes: found } = await calls
        .listVolumes({ filters: { label: [`${labels.store}=${storeId}`] } })
        .catch((error: unknown) => {
          throw stepError(error, '', 'list volumes');
        });
      // Several labels in a filter are all asked for by Docker, any of them by Podman.
      return (found ?? [])
        .filter(({ Labels: own }) => own?.[labels.namespace] === namespace && own[labels.agent] === agent)
        .map(({ Name: name }) => name)
        .toSorted();
    },
    async removeIfOurs(name) {
      try {
        const volume = calls.getVolume(encodeURIComponent(name));
        const { Labels: own }: Labelled = await volume.inspect();
        if (own?.[labels.store] === storeId) await volume.remove();
      } catch (error) {
        if (!hasStatus(error, 404)) throw stepError(error, name, `remove the volume ${name}`);
      }
    },
  };
}
