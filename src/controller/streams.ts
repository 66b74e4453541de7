import { ApiError, isApiError } from '../api/errors.ts';
import { listed } from '../api/listed.ts';
import { type Agent, type AnyObject, keyOf, keyText, type New, type ObjectKey } from '../api/objects.ts';
import { parseDuration } from '../api/time.ts';
import type { Resources } from '../client/resources.ts';
import type {
  AgentPlan,
  ControllerStatus,
  ForecastEntry,
  Listener,
  LogEntry,
  LogOptions,
  Streams,
  SyncDiff,
  Volume,
} from '../client/streams.ts';
import { missingInputs, refusal } from '../plan/accept.ts';
import { forecast } from '../plan/forecast.ts';
import { outline } from '../plan/outline.ts';
import { reconcile } from '../plan/reconcile.ts';
import type { World } from '../plan/world.ts';
import { type Clock, sleep } from '../platform/clock.ts';
import type { Controller } from './controller.ts';
import type { FindInput } from './inputs.ts';
import { instanceLog } from './log.ts';
import type { Session } from './session.ts';
import { TalkStreams } from './talk-streams.ts';

export interface StreamsDeps {
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
export class ControllerStreams implements Streams {
  readonly #deps: StreamsDeps;
  readonly #startedAt: number;
  readonly send: Streams['send'];
  readonly stream: Streams['stream'];
  readonly change: Streams['change'];
  readonly decide: Streams['decide'];
  readonly closeConversation: Streams['closeConversation'];
  readonly usage: Streams['usage'];
  readonly usageByAgent: Streams['usageByAgent'];
  readonly query: Streams['query'];

  constructor(deps: StreamsDeps) {
    this.#deps = deps;
    this.#startedAt = deps.clock.now();
    const talk = new TalkStreams(deps.controller.talk, (key) => this.#agent(key));
    this.send = talk.send.bind(talk);
    this.stream = talk.stream.bind(talk);
    this.change = talk.change.bind(talk);
    this.decide = talk.decide.bind(talk);
    this.closeConversation = talk.closeConversation.bind(talk);
    this.usage = talk.usage.bind(talk);
    this.usageByAgent = talk.usageByAgent.bind(talk);
    this.query = talk.query.bind(talk);
  }

  async *log(key: ObjectKey, options: LogOptions): AsyncIterable<LogEntry> {
    const { controller, resources, clock } = this.#deps;
    const instance = controller.cache.instances.get(keyText(key)) ?? (await resources.get('Instance', key));
    yield* instanceLog(controller, clock, instance, options);
  }

  async forecast(key: ObjectKey, { until }: { until: number }): Promise<ForecastEntry[]> {
    const agent = await this.#agent(key);
    return forecast(this.#deps.controller.observer.observe(agent, this.#deps.clock.now()), until);
  }

  /** Applies each object as a dry run, and plans as if all of them were applied. */
  async plan(
    objects: readonly New<AnyObject>[],
    { author }: { author?: string | undefined } = {},
  ): Promise<AgentPlan[]> {
    const { controller, clock } = this.#deps;
    const coming = new Set(
      objects.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name),
    );
    const desired: AnyObject[] = [];
    for (const object of objects) desired.push(await this.#asTaken(object, coming, author));
    const find = (kind: AnyObject['kind'], key: string): AnyObject | undefined =>
      desired.find((object) => object.kind === kind && keyText(object.metadata) === key);
    const agents = new Map(
      desired.flatMap((object) => (object.kind === 'Agent' ? [[keyText(object.metadata), object]] : [])),
    );
    for (const object of desired) {
      if (object.kind !== 'Policy' && object.kind !== 'Secret' && object.kind !== 'ConfigMap') continue;
      for (const user of controller.cache.agents.byIndex(
        'uses',
        `${object.kind}/${keyText(object.metadata)}`,
      )) {
        const key = keyText(user.metadata);
        if (!agents.has(key)) agents.set(key, user);
      }
    }
    return [...agents].map(([key, agent]) => {
      const { namespace } = agent.metadata;
      const input: FindInput = (kind, name) => {
        const object = find(kind, keyText({ namespace, name }));
        return object?.kind === 'Secret' || object?.kind === 'ConfigMap' ? object : undefined;
      };
      const policy = (name: string) => {
        const object = find('Policy', keyText({ namespace, name }));
        return object?.kind === 'Policy' ? object.spec : undefined;
      };
      const runtime = (name: string) => {
        const object = find('Runtime', name);
        return object?.kind === 'Runtime' ? object : undefined;
      };
      const stored = controller.cache.agents.get(key);
      // Status and uid come from the stored object, if there is one.
      const wanted =
        stored === undefined
          ? agent
          : {
              ...stored,
              metadata: {
                ...stored.metadata,
                annotations: agent.metadata.annotations ?? {},
                generation: agent.metadata.generation ?? 1,
              },
              spec: agent.spec,
            };
      return {
        agent: keyOf(agent),
        ...preview(controller.observer.observe(wanted, clock.now(), { policy, runtime, input })),
      };
    });
  }

  /** Returns the object as the server would store it. */
  async #asTaken(
    object: New<AnyObject>,
    coming: ReadonlySet<string | undefined>,
    author: string | undefined,
  ): Promise<AnyObject> {
    const { resources, store } = this.#deps;
    const { name = '', namespace } = object.metadata;
    const options = { dryRun: true, force: true, fieldManager: 'agentctl', author };
    // The server checks the kind of the manifest.
    const kind = object.kind as AnyObject['kind'];
    try {
      return await resources.patch(kind, { namespace, name }, { type: 'apply', body: object }, options);
    } catch (error) {
      if (!isApiError(error, 'NotFound') || !coming.has(namespace)) throw error;
    }
    // A dry run in a namespace that does not exist yet is impossible. So it uses the default namespace and an unused
    // name.
    const elsewhere = { namespace: 'default', name: `plan-${store.id}` };
    const body = { ...object, metadata: { ...object.metadata, ...elsewhere } };
    const taken = await resources.patch(kind, elsewhere, { type: 'apply', body }, options);
    Object.assign(taken.metadata, { namespace, name });
    return taken;
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

  diffSync(sync: ObjectKey, { force = false } = {}): Promise<SyncDiff> {
    return this.#deps.controller.syncs.diff(sync, force);
  }

  async volumes(key: ObjectKey): Promise<Volume[]> {
    const found = this.#sessions().map(async (session) => {
      const names = (await session.driver.volumes?.list(key.namespace ?? 'default', key.name)) ?? [];
      return names.map((name) => ({ runtime: session.runtime.metadata.name, name }));
    });
    return (await Promise.all(found)).flat();
  }

  async purge(key: ObjectKey): Promise<Volume[]> {
    const agent = this.#deps.controller.cache.agents.get(keyText(key));
    if (agent !== undefined && agent.metadata.deletionTimestamp === undefined) {
      throw new ApiError(
        'Conflict',
        `Agent ${keyText(key)} exists: delete it first (agentctl delete agent ${key.name} --purge).`,
      );
    }
    const volumes = await this.volumes(key);
    for (const { runtime, name } of volumes) {
      await this.#deps.controller.runtimes.session(runtime)?.driver.volumes?.remove(name);
    }
    return volumes;
  }

  #sessions(): Session[] {
    return this.#deps.controller.runtimes.sessions().filter(({ health }) => health.state === 'Online');
  }

  async #agent(key: ObjectKey): Promise<Agent> {
    return (
      this.#deps.controller.cache.agents.get(keyText(key)) ?? (await this.#deps.resources.get('Agent', key))
    );
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

/** Returns the plan for this World as text and as actions. */
function preview(world: World): Omit<AgentPlan, 'agent'> {
  const plan = reconcile(world);
  const actions = plan.actions.map(({ id, type, cause, message }) => ({ id, type, cause, message }));
  return { text: outline(plan, refusal(world) ?? missingInputs(world)), actions };
}
