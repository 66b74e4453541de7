import { ApiError } from '../api/errors.ts';
import { keyText, type ObjectKey } from '../api/objects.ts';
import type { Volume, VolumeApi } from '../client/streams.ts';
import type { Controller } from './controller.ts';

/** The named volumes of Agents, on all Runtimes that are online. */
export class Volumes implements VolumeApi {
  readonly #controller: Pick<Controller, 'cache' | 'runtimes'>;

  constructor(controller: Pick<Controller, 'cache' | 'runtimes'>) {
    this.#controller = controller;
  }

  async volumes(key: ObjectKey): Promise<Volume[]> {
    const online = this.#controller.runtimes.sessions().filter(({ health }) => health.state === 'Online');
    const found = online.map(async (session) => {
      const names = (await session.driver.volumes?.list(key.namespace ?? 'default', key.name)) ?? [];
      return names.map((name) => ({ runtime: session.runtime.metadata.name, name }));
    });
    return (await Promise.all(found)).flat();
  }

  async purge(key: ObjectKey): Promise<Volume[]> {
    const agent = this.#controller.cache.agents.get(keyText(key));
    if (agent !== undefined && agent.metadata.deletionTimestamp === undefined) {
      throw new ApiError(
        'Conflict',
        `Agent ${keyText(key)} exists: delete it first (agentctl delete agent ${key.name} --purge).`,
      );
    }
    const volumes = await this.volumes(key);
    for (const { runtime, name } of volumes) {
      await this.#controller.runtimes.session(runtime)?.driver.volumes?.remove(name);
    }
    return volumes;
  }
}
