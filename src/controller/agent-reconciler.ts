import { AgentctlError, isApiError } from '../api/errors.ts';
import { type Agent, type Instance, isTerminating, keyText, type Revision } from '../api/objects.ts';
import type { Recorder } from '../client/recorder.ts';
import type { Resources } from '../client/resources.ts';
import type { Conversations } from '../conversations/conversations.ts';
import type { Action, Plan } from '../plan/action.ts';
import { formatPlan } from '../plan/format.ts';
import { startLength, wasReady } from '../plan/ready.ts';
import { reconcile } from '../plan/reconcile.ts';
import { timingOf } from '../plan/settings.ts';
import { instant } from '../plan/times.ts';
import type { World } from '../plan/world.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Meters } from '../platform/meters.ts';
import type { Admission } from './admission.ts';
import type { Cache } from './cache.ts';
import { countRuns } from './controller-meters.ts';
import { type ExecuteContext, execute, fieldManager, recordedSpec, specOfRun } from './execute.ts';
import type { Flights } from './flights.ts';
import { clearLeftovers } from './leftovers.ts';
import type { Keys, Reconciler, Requeue } from './manager.ts';
import type { Observer } from './observer.ts';
import type { Policies } from './policies.ts';
import { confirmReady, type Prober } from './prober.ts';
import type { RuntimeReconciler } from './runtime-reconciler.ts';

export interface AgentsDeps {
  resources: Resources;
  cache: Cache;
  admission: Admission;
  flights: Flights;
  policies: Policies;
  clock: Clock;
  log: Log;
  /** Adds the key of an Agent: now, or at an instant. */
  enqueue: (key: string, at?: number) => void;
  runtimes: RuntimeReconciler;
  observer: Observer;
  prober: Prober;
  recorder: Recorder;
  conversations: Conversations;
  storeId: string;
  version: string;
  meters: Meters;
}

/** An action on the API failed. The next plan contains it again. */
class ActionFailed extends AgentctlError<'ActionFailed'> {
  constructor(message: string) {
    super('ActionFailed', message, { retry: { from: 1_000, upTo: 60_000 } });
    this.name = 'ActionFailed';
  }
}

/** observe -> reconcile -> claim -> execute for one Agent. The only place that carries out a plan. */
export class AgentReconciler implements Reconciler {
  readonly name = 'agent';
  /** Workers mostly wait: for an engine, for the start of a program, or for the shared scan of all processes. */
  readonly workers = 64;
  readonly #deps: AgentsDeps;

  constructor(deps: AgentsDeps) {
    this.#deps = deps;
  }

  watch({ add, addAll }: Keys): void {
    const { cache, prober } = this.#deps;
    cache.onChange(add);
    cache.instances.addHandler({
      added: () => {},
      updated: () => {},
      deleted: ({ metadata }) => prober.forget(metadata.uid),
    });
    // The default Runtime of Agents without runtimeRef depends on all Runtimes.
    cache.runtimes.addHandler({
      added: addAll,
      updated: (before, now) => {
        if (before.metadata.generation !== now.metadata.generation) addAll();
      },
      deleted: addAll,
    });
  }

  all(): string[] {
    return this.#deps.cache.agents.list().map(({ metadata }) => keyText(metadata));
  }

  async reconcile(key: string): Promise<Requeue | undefined> {
    const { admission, cache, clock, enqueue, log, observer } = this.#deps;
    const agent = cache.agents.get(key);
    await clearLeftovers(this.#deps, key, agent);
    if (agent === undefined) {
      this.#deps.conversations.forget(key);
      this.#deps.meters.forgetAgent(key);
      admission.forget(key);
      return undefined;
    }
    let world = observer.observe(agent, clock.now());
    let plan = reconcile(world);
    if (admission.ask(key, plan.wants)) {
      world = { ...world, grants: admission.grants, places: admission.places };
      plan = reconcile(world);
    }
    // `toJSON` formats the plan only if the log level includes it.
    if (plan.actions.length > 0)
      log.debug({ agent: key, plan: { toJSON: () => formatPlan(plan) } }, 'a plan');
    this.#probe(world);
    const unconfirmed = confirmReady(world, plan, (name) => this.#deps.runtimes.session(name));
    void unconfirmed?.looked.then((seen) => enqueue(key, seen ? undefined : clock.now() + 1_000));

    // Running instances get their messages now: a lost claim does not affect them.
    this.#connect(world, plan);
    const held = unconfirmed?.names ?? new Set<string>();
    const lost = await this.#claim(world, plan, held);
    admission.settled(key, plan.wants);
    const idle = new Set([...lost, ...held]);
    this.#record(agent, world, plan, idle);
    const failed = await this.#carryOut(agent, world, plan, idle);
    // The actions change the status again. So it is written only when nothing is left to do or an action failed.
    if (held.size === 0 && (plan.actions.length === 0 || failed !== undefined))
      await this.#writeStatus(agent, plan);
    if (lost.size > 0) enqueue(key, clock.now() + 10);
    if (failed === undefined) return { requeueAt: plan.wakeAt };
    if (plan.wakeAt !== undefined) enqueue(key, plan.wakeAt);
    throw new ActionFailed(failed);
  }

  /** Attaches the runs that are up, and detaches those that have ended. */
  #connect({ agent, instances, revisions }: World, plan: Plan): void {
    const { conversations } = this.#deps;
    for (const { object, observed } of instances) {
      const { uid, name } = object.metadata;
      const { run, stop } = plan.instances.get(name) ?? object.status ?? {};
      conversations.setStopping(uid, stop !== undefined || isTerminating(object));
      if (run?.startedAt === undefined || observed === 'Unknown') continue;
      const { number, ref, revision, startedAt: startId } = run;
      const found = observed.find((one) => one.ref === ref && one.startId === startId);
      if (found === undefined) continue;
      if (found.state === 'Exited') conversations.detach(uid, startId);
      const recorded = revisions.find(({ metadata }) => metadata.name === revision);
      const spec = recorded === undefined ? agent.spec : recordedSpec(recorded);
      conversations.attach(agent, object, { number, startId, ref: found.ref }, spec);
    }
  }

  /**
   * Writes the next statuses of all Instances except `held`, with compare-and-swap. Returns the names of those whose
   * write lost.
   */
  async #claim(world: World, plan: Plan, held: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const { cache, meters, resources } = this.#deps;
    const lost = new Set<string>();
    const options = { subresource: 'status', fieldManager } as const;
    const writes = world.instances.map(async ({ object }) => {
      const status = plan.instances.get(object.metadata.name);
      if (status === undefined || status === object.status) return; // unchanged: the same object
      if (held.has(object.metadata.name)) return;
      try {
        cache.instances.observeWrite(await resources.update('Instance', { ...object, status }, options));
        countRuns(meters, object, status);
      } catch (error) {
        if (!isApiError(error, 'Conflict') && !isApiError(error, 'NotFound')) throw error;
        lost.add(object.metadata.name);
      }
    });
    await Promise.all(writes);
    return lost;
  }

  /** Writes the Agent's status. Its Events follow from the status, so they are recorded after the write. */
  async #writeStatus(agent: Agent, plan: Plan): Promise<void> {
    const { cache, clock, enqueue, recorder, resources } = this.#deps;
    if (plan.status === agent.status) return; // the same object, as in #claim
    const options = { subresource: 'status', fieldManager } as const;
    try {
      cache.agents.observeWrite(await resources.update('Agent', { ...agent, status: plan.status }, options));
      for (const { instance, ...newEvent } of plan.events)
        if (instance === undefined) recorder.recordEvent(agent, newEvent);
    } catch (error) {
      if (!isApiError(error, 'Conflict') && !isApiError(error, 'NotFound')) throw error;
      enqueue(keyText(agent.metadata), clock.now() + 10);
    }
  }

  #record(agent: Agent, world: World, plan: Plan, lost: ReadonlySet<string>): void {
    const instances = new Map(world.instances.map(({ object }) => [object.metadata.name, object]));
    for (const { instance, ...newEvent } of plan.events) {
      if (instance === undefined || lost.has(instance)) continue;
      this.#deps.recorder.recordEvent(instances.get(instance) ?? agent, newEvent);
    }
  }

  /**
   * Awaits actions on the API. Starts actions on the Runtime and does not wait for them. An action whose predecessor
   * has not ended is left to the next plan, which will contain it again. Returns the first failure, if any.
   */
  async #carryOut(
    agent: Agent,
    world: World,
    plan: Plan,
    lost: ReadonlySet<string>,
  ): Promise<string | undefined> {
    const { cache } = this.#deps;
    const done = new Set<string>();
    const chains = new Map<string, Action[]>();
    let failed: string | undefined;
    // The claim has written the status since the World was read, so an action must use the newest version of the Agent.
    const newest = cache.agents.get(keyText(agent.metadata)) ?? agent;
    for (const action of plan.actions) {
      if ('uid' in action) {
        if (!lost.has(action.name)) chains.set(action.name, [...(chains.get(action.name) ?? []), action]);
        continue;
      }
      if (!action.after.every((id) => done.has(id))) continue;
      const outcome = await execute(action, this.#context(newest, world, undefined));
      if (outcome.result === 'Succeeded') {
        done.add(action.id);
        const { cause: reason, message } = action;
        if (action.type === 'Revert')
          this.#deps.recorder.recordEvent(agent, { type: 'Warning', reason, message });
      } else {
        failed = `${action.id}: ${outcome.reason}: ${outcome.message}`;
        // A concurrent write of the same object is no failure that people must know about.
        if (outcome.reason !== 'Conflict')
          this.#deps.recorder.recordEvent(agent, {
            type: 'Warning',
            reason: 'ActionFailed',
            message: failed,
          });
      }
    }
    for (const [name, chain] of chains) {
      const instance = cache.instances.get(keyText({ ...agent.metadata, name }));
      if (instance === undefined) continue;
      this.#deps.flights.begin(keyText(agent.metadata), instance, chain, done, (action) =>
        execute(action, this.#context(agent, world, instance)),
      );
    }
    return failed;
  }

  #context(agent: Agent, world: World, instance: Instance | undefined): ExecuteContext {
    const { cache, resources, runtimes, storeId, version } = this.#deps;
    const namespace = agent.metadata.namespace ?? 'default';
    return {
      resources,
      agent,
      instance,
      session: instance === undefined ? undefined : runtimes.session(instance.spec.runtimeRef.name),
      runtime: instance === undefined ? undefined : cache.runtimes.get(instance.spec.runtimeRef.name),
      revision: async (name) =>
        cache.revisions.get(keyText({ namespace, name })) ??
        (await resources.get('Revision', { namespace, name })),
      find: cache.findInput(namespace),
      stop: 'missing' in world.policy ? this.#deps.policies.defaultPolicy.stop : world.policy.stop,
      store: storeId,
      controllerVersion: version,
      conversations: this.#deps.conversations,
      wrote: (object: Agent | Instance | Revision) => cache.note(object),
    };
  }

  #probe(world: World): void {
    const { prober, runtimes } = this.#deps;
    const { readiness, liveness } = world.agent.spec;
    const mostStart = startLength(timingOf(world.agent.spec));
    for (const { object, observed } of world.instances) {
      const { uid } = object.metadata;
      const { status = {}, spec } = object;
      const runtime = spec.runtimeRef.name;
      const session = runtimes.session(runtime);
      if (session === undefined) prober.forget(uid);
      if (observed === 'Unknown' || session?.driver.capabilities.nativeProbes === true) continue;
      const up = observed.find(
        ({ state, startId }) => state === 'Running' && startId === status.run?.startedAt,
      );
      if (up?.startId === undefined) prober.forget(uid);
      else {
        const { ref, startId, startedAt = world.now } = up;
        prober.watch({
          uid,
          ref,
          startId,
          run: up.run,
          startedAt,
          readySince: instant(status.readySince),
          wasReady: wasReady(status),
          startDeadline: startedAt + mostStart,
          session: () => runtimes.online(runtime),
          readiness,
          liveness,
          spec: () => specOfRun(this.#context(world.agent, world, object), object),
        });
      }
    }
  }
}
