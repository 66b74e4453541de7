/** One Agent over the real registry and a driver: plans are made, claimed and carried out one step at a time. */
import { finalizer } from '../../src/api/annotations.ts';
import { ApiError, isApiError } from '../../src/api/errors.ts';
import type { Agent, AgentSpec, Instance, New, PolicySpec } from '../../src/api/objects.ts';
import { LocalClient } from '../../src/client/local.ts';
import { execute, fieldManager } from '../../src/controller/execute.ts';
import { Session } from '../../src/controller/session.ts';
import type { Action, Plan } from '../../src/plan/action.ts';
import { applyOutcome } from '../../src/plan/exits.ts';
import { carriedOut, granted } from '../../src/plan/forecasting.ts';
import { reconcile } from '../../src/plan/reconcile.ts';
import type { Observed, World } from '../../src/plan/world.ts';
import { sleep, systemClock } from '../../src/platform/clock.ts';
import { randomIds } from '../../src/platform/ids.ts';
import { silentLog as log } from '../../src/platform/log.ts';
import { createRegistry } from '../../src/registry/registry.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { emptyInbox, policyOf, runtimeOf, runtimeViewOf } from '../plan/worlds.ts';
import { agrees } from './agreement.ts';
import type { Ground } from './grounds.ts';
import { runnable } from './simulation.ts';

const group = 'agentctl.dev/v1';
const status = { subresource: 'status', fieldManager } as const;
let made = 0;

export class Fleet implements AsyncDisposable {
  readonly #ground: Ground;
  readonly #store: ReturnType<typeof openStore>;
  readonly #user: LocalClient;
  readonly #controller: LocalClient;
  /** Names are of one test alone, since all share the engine. */
  readonly #key = { namespace: 'default', name: `agent-${process.pid}-${++made}` };
  #runtime = 'one';
  #session: Session;
  #grants: ReadonlySet<string> = new Set();

  static async open(ground: Ground): Promise<Fleet> {
    const store = openStore(':memory:', { log });
    const registry = await createRegistry({
      store,
      clock: ground.time,
      ids: randomIds,
      log,
      finalizers: { Agent: finalizer },
    });
    return new Fleet(ground, store, registry);
  }

  private constructor(
    ground: Ground,
    store: ReturnType<typeof openStore>,
    registry: Awaited<ReturnType<typeof createRegistry>>,
  ) {
    this.#ground = ground;
    this.#store = store;
    this.#user = new LocalClient(registry, 'user');
    this.#controller = new LocalClient(registry, fieldManager);
    this.#session = this.#connect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { driver } = this.#session;
    for (const { ref } of await driver.list()) {
      await driver.kill(ref);
      await driver.remove(ref, { volumes: true });
    }
    await driver.close();
    await this.#store.close();
    this.#ground.close();
  }

  #connect(): Session {
    const driver = this.#ground.driver(this.#store.id);
    const events = { changed: () => {}, listed: () => {} };
    const session = new Session(this.#runtimeObject(), driver, events, this.#ground.time, log);
    session.health = { state: 'Online' };
    return session;
  }

  #runtimeObject = () => runtimeOf({ driver: this.#ground.sort }, this.#runtime);

  /** Another controller takes over: what the last one had in memory is lost. */
  async restart(): Promise<void> {
    await this.#session.driver.close();
    this.#session = this.#connect();
    this.#grants = new Set();
  }

  /** The World as it stands now; undefined where there is no Agent. */
  async observe(): Promise<World | undefined> {
    const agent = await this.#agent();
    if (agent === undefined) return undefined;
    await this.#session.list();
    const { uid } = agent.metadata;
    const { capabilities } = this.#ground;
    const instances = (await this.#controller.list('Instance')).items.filter(
      ({ spec }) => spec.agentUID === uid,
    );
    const revisions = (await this.#controller.list('Revision')).items.filter(({ metadata }) =>
      metadata.ownerReferences?.some((owner) => owner.uid === uid),
    );
    return {
      now: this.#ground.time.now(),
      agent,
      policy: agent.spec.policy ?? policyOf(),
      runtime: { ...runtimeViewOf(this.#runtimeObject()), ...(capabilities && { capabilities }) },
      inputs: {},
      revisions: revisions.toSorted((one, other) => one.revision - other.revision),
      instances: instances
        .toSorted((one, other) => one.spec.ordinal - other.spec.ordinal)
        .map((object) => ({
          object,
          observed: this.#session.observed(object.metadata.uid),
          probe: {},
          activity: { busy: false, idleSince: Date.parse(agent.metadata.creationTimestamp), waiting: 0 },
        })),
      grants: this.#grants,
      controllerVersion: '1',
      inbox: emptyInbox,
      gates: [],
      unsupported: [],
    };
  }

  async #agent(): Promise<Agent | undefined> {
    try {
      return await this.#controller.get('Agent', this.#key);
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  /**
   * Claims the plan of this World, and carries out `most` of its actions; each must do what the model says. A crash
   * loses how the last of them ended.
   */
  async step(world: World, plan: Plan, most = Number.POSITIVE_INFINITY, crash = false): Promise<void> {
    await this.#claim(world, plan);
    this.#grants = granted(world, plan).grants;
    const actions = runnable(plan).slice(0, most);
    const claims = new Set(actions.flatMap((one) => (one.type === 'Start' ? [one.uid] : [])));
    this.#grants = new Set([...this.#grants].filter((uid) => !claims.has(uid)));
    let before = await this.#seen();
    for (const action of actions) {
      const context = this.#context(before, action);
      const outcome = await execute(action, context);
      if (outcome.result !== 'Succeeded') throw new Error(`${action.id} failed: ${JSON.stringify(outcome)}`);
      if (action.type === 'Signal') await this.#ended(action.ref);
      if (crash && action === actions.at(-1)) return;
      if (context.instance !== undefined) await this.#keep(context.instance, action);
      const after = await this.observe();
      agrees(action, before, carriedOut(before, action), after);
      if (after === undefined) return;
      before = after;
    }
  }

  async #claim(world: World, plan: Plan): Promise<void> {
    for (const { object } of world.instances) {
      const next = plan.instances.get(object.metadata.name);
      if (next !== undefined) await this.#controller.update('Instance', { ...object, status: next }, status);
    }
    await this.#controller.update('Agent', { ...world.agent, status: plan.status }, status);
  }

  async #keep(instance: Instance, action: Action): Promise<void> {
    const before = instance.status ?? {};
    const after = applyOutcome(before, action, { result: 'Succeeded' }, this.#ground.time.now());
    if (after !== before) await this.#controller.update('Instance', { ...instance, status: after }, status);
  }

  #context({ agent, instances, policy }: World, action: Action): Parameters<typeof execute>[1] {
    const { namespace } = this.#key;
    return {
      resources: this.#controller,
      agent,
      instance:
        'uid' in action
          ? instances.find(({ object }) => object.metadata.uid === action.uid)?.object
          : undefined,
      session: this.#session,
      runtime: this.#runtimeObject(),
      revision: (name) => this.#controller.get('Revision', { namespace, name }),
      find: () => undefined,
      conversations: undefined as never, // none of its Agents has a protocol
      stop: 'missing' in policy ? policyOf().stop : policy.stop,
      store: this.#store.id,
      controllerVersion: '1',
      wrote: () => {},
    };
  }

  async #seen(): Promise<World> {
    const world = await this.observe();
    if (world === undefined) throw new Error('the Agent went while its plan was carried out');
    return world;
  }

  /** A program obeys its signal in its own time; one that is paused does not. */
  async #ended(ref: string): Promise<void> {
    for (let tries = 0; tries < 500; tries += 1) {
      if ((await this.#session.driver.inspect(ref))?.state !== 'Running') return;
      await sleep(systemClock, 20);
    }
    throw new Error(`${ref} did not obey its signal`);
  }

  /** Everything that a driver can see of the Agent, and the engine has. */
  containers(): Promise<Observed[]> {
    return this.#session.driver.list();
  }

  async apply(spec: NonNullable<New<Agent>['spec']>): Promise<void> {
    const { command, ...template } = this.#ground.template;
    const body = {
      apiVersion: group,
      kind: 'Agent',
      metadata: { name: this.#key.name },
      spec: {
        ...spec,
        template: { ...template, ...(command === undefined ? {} : { command }), ...spec.template },
      },
    };
    const options = { force: true };
    await this.#user.patch('Agent', this.#key, { type: 'apply', body }, options).catch(whileDeleted);
  }

  async change(spec: Partial<AgentSpec> & { policy?: PolicySpec }): Promise<void> {
    await this.#user.patch('Agent', this.#key, { type: 'merge', body: { spec } }).catch(whileDeleted);
  }

  async annotate(key: string, value: string): Promise<void> {
    const body = { metadata: { annotations: { [key]: value } } };
    await this.#user.patch('Agent', this.#key, { type: 'merge', body }).catch(whileDeleted);
  }

  async delete(): Promise<void> {
    await this.#user.delete('Agent', this.#key).catch(whileDeleted);
  }

  move(runtime: string): void {
    this.#runtime = runtime;
  }

  /** The next instant at which the plan changes by itself, where there is one before long. */
  async pass(longest: number): Promise<void> {
    const world = await this.observe();
    if (world === undefined) return;
    const { wakeAt } = reconcile(world);
    if (wakeAt !== undefined && wakeAt - world.now <= longest) await this.#ground.time.to(wakeAt);
  }

  /** Something happens to a container behind the controller's back; `at` picks it, modulo how many there are. */
  async happens(at: number, what: 'Completes' | 'Fails' | 'Killed' | 'Paused' | 'Vanishes'): Promise<void> {
    const { driver } = this.#session;
    const all = (await driver.list()).toSorted((one, other) => (one.instance < other.instance ? -1 : 1));
    const one = all[at % Math.max(1, all.length)];
    if (one === undefined) return;
    const { ref, state } = one;
    if (what === 'Vanishes' || what === 'Killed') await driver.kill(ref);
    if (what === 'Vanishes') await driver.remove(ref, { volumes: false });
    if (state !== 'Running') return;
    if (what === 'Paused') await this.#ground.pause(ref);
    if (what === 'Completes') await this.#ground.end(driver, ref, 0);
    if (what === 'Fails') await this.#ground.end(driver, ref, 3);
  }
}

/** What is asked of an Agent that is gone or goes is refused, and that is all. */
function whileDeleted(error: unknown): void {
  if (!(error instanceof ApiError) || !['NotFound', 'Conflict'].includes(error.code)) throw error;
}
