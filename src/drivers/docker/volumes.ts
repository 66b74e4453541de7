import { labels } from '../driver.ts';
import type { EngineClient } from './client.ts';
import { hasStatus, stepError } from './errors.ts';
import type { VolumeList } from './wire.ts';

export interface Volumes {
  list(namespace: string, agent: string): Promise<string[]>;
  /** One that was there before us bears no label of ours, and stays. */
  removeIfOurs(name: string): Promise<void>;
}

export function createVolumes(client: EngineClient, storeId: string): Volumes {
  const path = (name: string): string => `/volumes/${encodeURIComponent(name)}`;

  return {
    async list(namespace, agent) {
      const filters = JSON.stringify({ label: [`${labels.store}=${storeId}`] });
      const { Volumes: found } = await client
        .call<VolumeList>('GET', '/volumes', { query: { filters } })
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
        const volume = await client.call<{ Labels: Record<string, string> | null }>('GET', path(name));
        if (volume.Labels?.[labels.store] === storeId) await client.call('DELETE', path(name));
      } catch (error) {
        if (!hasStatus(error, 404)) throw stepError(error, name, `remove the volume ${name}`);
      }
    },
  };
}
