import { ApiError } from '../api/errors.ts';
import { type Agent, keyText, type ObjectKey } from '../api/objects.ts';
import { listed } from '../api/text.ts';
import { parseDuration } from '../api/time.ts';
import type { Resources } from '../client/resources.ts';
import type {
  Apis,
  ControllerApi,
  ControllerStatus,
  Listener,
  Volume,
  VolumeApi,
} from '../client/streams.ts';
import { type Clock, sleep } from '../platform/clock.ts';
import type { Controller } from './controller.ts';
import { InstanceLogs } from './instance-log.ts';
import { Plans } from './plans.ts';

interface ApisDeps {
  controller: Controller;
  resources: Resources;
  clock: Clock;
  pid: number;
  version: string;
  store: { id: string; copyOf?: string | undefined; path: string; revision(): number };
  /** The address of the TLS listener. Undefined until the server is up. */
  tls?(): Listener | undefined;
}

/** Implements the API group subresources.agentctl.dev/v1 in process. */
export const controllerApis = (deps: ApisDeps): Apis => ({
  messages: deps.controller.leadership.fence(deps.controller.conversations.messages, messageEffects),
  logs: new InstanceLogs(deps.controller, deps.resources, deps.clock),
  plans: new Plans(deps),
  volumes: deps.controller.leadership.fence(new Volumes(deps.controller), ['purge']),
  syncs: deps.controller.syncs,
  controller: new ControllerService(deps),
});

const messageEffects = ['send', 'change', 'decide', 'closeConversation', 'query'] as const;

class ControllerService implements ControllerApi {
  readonly #deps: ApisDeps;
  readonly #startedAt: number;

  constructor(deps: ApisDeps) {
    this.#deps = deps;
    this.#startedAt = deps.clock.now();
  }

  async status(): Promise<ControllerStatus> {
    const { controller, clock, pid, version, store, tls } = this.#deps;
    const { cache, runtimes, admission } = controller;
    const phases: Record<string, number> = {};
    for (const { status } of cache.instances.list()) {
      const phase = status?.phase ?? 'Pending';
      phases[phase] = (phases[phase] ?? 0) + 1;
    }
    const agents = cache.agents.list();
    return {
      pid,
      version,
      startedAt: this.#startedAt,
      uptime: clock.now() - this.#startedAt,
      store: { id: store.id, copyOf: store.copyOf, path: store.path, revision: store.revision() },
      tls: tls?.(),
      runtimes: cache.runtimes.list().map((runtime) => {
        const { name } = runtime.metadata;
        const { driver } = runtime.spec;
        const health = runtimes.health(name);
        const { running, queued } = admission.of(runtime);
        const ready = health.state === 'Online';
        return {
          name,
          driver,
          ready,
          ...(health.state === 'Online' ? {} : { message: health.message }),
          running,
          queued,
        };
      }),
      agents: { total: agents.length, ready: agents.filter(isReady).length },
      instances: phases,
    };
  }

  /**
   * Returns when all instances have ended. Throws ApiError Timeout with the names of those that have not ended within
   * their grace period plus `patience`.
   */
  async stopAgents(): Promise<void> {
    const { controller, clock } = this.#deps;
    const { cache } = controller;
    controller.drain();
    const deadline = clock.now() + longestGrace(controller) + patience;
    const left = () => cache.instances.list().filter(({ status }) => !ended.has(status?.phase));
    while (left().length > 0) {
      if (clock.now() >= deadline) {
        const names = left().map(({ metadata, status }) => `${keyText(metadata)} (${status?.message})`);
        throw new ApiError(
          'Timeout',
          `These instances have not stopped: ${listed(names)}. All others have. To stop only the controller, run agentctl controller stop without --agents.`,
        );
      }
      await sleep(clock, 50);
    }
  }
}

const ended = new Set(['Stopped', 'Completed', 'Failed', undefined]);

/** Milliseconds that a stop may take beyond its grace period: for SIGKILL and for the engine. */
const patience = 20_000;

function longestGrace({ cache, policies }: Controller): number {
  const lengths = cache.agents
    .list()
    .map((agent) => parseDuration(policies.orDefault(agent).stop.gracePeriod));
  return Math.max(0, ...lengths);
}

const isReady = ({ status }: Agent): boolean =>
  status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;

/** The named volumes of Agents, on all Runtimes that are online. */
class Volumes implements VolumeApi {
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
