/** Plays random events and the planner's own actions on a World, by the written model of what each action does. */
import type { Agent, AgentSpec, PolicySpec } from '../../src/api/objects.ts';
import type { Action, Outcome, Plan } from '../../src/plan/action.ts';
import { applyOutcome } from '../../src/plan/exits.ts';
import { carriedOut, granted, written } from '../../src/plan/forecasting.ts';
import { reconcile } from '../../src/plan/reconcile.ts';
import type { Gate, InboxView, InstanceView, Observed, TalkView, World } from '../../src/plan/world.ts';
import { iso, runtimeOf } from '../plan/worlds.ts';

/** One thing that happens from outside. `at` picks the Instance, modulo how many there are. */
export type WorldEvent =
  | { is: 'Pass'; ms: number }
  | { is: 'Wake' }
  | { is: 'Exit'; at: number; code: number; cause: 'Agent' | 'Runtime'; ago: number; oomKilled?: boolean }
  | { is: 'Lose'; at: number }
  | { is: 'Pause' | 'Unpause'; at: number }
  | { is: 'Restart'; at: number }
  | { is: 'Stray'; at: number; running: boolean }
  | { is: 'Probe'; at: number; ready: boolean; live: boolean }
  | { is: 'Busy'; at: number; busy: boolean }
  /** How its newest run is talked to; `unenforced`: it was found not to ask. Without a state nothing is known. */
  | { is: 'Talk'; at: number; state?: TalkView['state'] | undefined; unenforced?: boolean }
  /** Messages that wait for the instance alone. */
  | { is: 'Waiting'; at: number; waiting: number }
  | { is: 'Inbox'; inbox: Partial<InboxView> }
  | { is: 'Offline' | 'Syncing' | 'Online' }
  /** A gate is held for so long, or until something else opens it. Without `hold`, all gates are open. */
  | { is: 'Gate'; hold?: number | 'Forever' | undefined }
  | { is: 'Secret'; there: boolean }
  | { is: 'Spec'; spec: Partial<AgentSpec> }
  | { is: 'Image'; image: string }
  | { is: 'Policy'; policy: PolicySpec | { missing: string } }
  | { is: 'Move'; runtime: string }
  | { is: 'Resume' | 'RolloutRestart' | 'Delete' }
  | { is: 'DeleteInstance'; at: number }
  /** Writes the plan's statuses and begins its actions, one for each Instance; they end later, as `end` says. */
  | { is: 'Begin' }
  | { is: 'End'; end: Outcome['result'] }
  /** Writes the plan's statuses; `done` of its actions succeed, the next ends as `end`, the others never begin. */
  | { is: 'Step'; done: number; end: 'Crash' | Exclude<Outcome['result'], 'Succeeded'> };

/** A World with what its Runtime really has, also while it cannot be asked. */
export interface House {
  world: World;
  /** What the Runtime has while its instances are observed as Unknown. */
  hidden: ReadonlyMap<string, readonly Observed[]> | undefined;
  /** The action that is under way, by Instance name. */
  flying: ReadonlyMap<string, Action>;
  count: number;
}

export const houseOf = (world: World): House => ({ world, hidden: undefined, flying: new Map(), count: 0 });

export function happen(house: House, event: WorldEvent): House {
  const { world } = house;
  const next = { ...house, count: house.count + 1 };
  switch (event.is) {
    case 'Pass':
      return { ...next, world: { ...world, now: world.now + event.ms } };
    case 'Wake': {
      const { wakeAt } = reconcile(world);
      return wakeAt === undefined ? house : { ...next, world: { ...world, now: wakeAt } };
    }
    case 'Exit':
      return containers(next, event.at, (one) =>
        isUp(one)
          ? [
              {
                ...one,
                state: 'Exited',
                exit: {
                  code: event.code,
                  finishedAt: world.now - event.ago,
                  cause: event.cause,
                  ...(event.oomKilled === true ? { oomKilled: true } : {}),
                },
              },
            ]
          : [one],
      );
    case 'Lose':
      return containers(next, event.at, () => []);
    case 'Pause':
      return containers(next, event.at, (one) =>
        one.state === 'Running' ? [{ ...one, state: 'Paused' }] : [one],
      );
    case 'Unpause':
      return containers(next, event.at, (one) =>
        one.state === 'Paused' ? [{ ...one, state: 'Running' }] : [one],
      );
    case 'Restart':
      return containers(next, event.at, ({ exit: _, ...one }) => [
        { ...one, state: 'Running', startId: `outside ${next.count}`, startedAt: world.now },
      ]);
    case 'Stray':
      return view(next, event.at, (one) => ({ ...one, observed: withStray(one, event.running, next) }));
    case 'Probe':
      return view(next, event.at, (one) => ({
        ...one,
        probe: {
          ready: { ok: event.ready, since: world.now, message: 'checked' },
          live: { ok: event.live, since: world.now, message: 'checked' },
        },
      }));
    case 'Busy':
      return view(next, event.at, (one) => ({
        ...one,
        activity: {
          waiting: one.activity.waiting,
          ...(event.busy ? { busy: true } : { busy: false, idleSince: world.now }),
        },
      }));
    case 'Talk':
      return view(next, event.at, (one) => ({ ...one, talk: talkOf(one, event, world.now) }));
    case 'Waiting':
      return view(next, event.at, (one) => ({
        ...one,
        activity: { ...one.activity, waiting: event.waiting },
      }));
    case 'Inbox':
      return { ...next, world: { ...world, inbox: { ...world.inbox, ...event.inbox } } };
    case 'Gate':
      return {
        ...next,
        world: { ...world, gates: event.hold === undefined ? [] : [held(event.hold, world)] },
      };
    case 'Offline':
    case 'Syncing':
      return hide(next, event.is);
    case 'Online':
      return show(next);
    case 'Secret':
      return {
        ...next,
        world: { ...world, inputs: { 'Secret/key': event.there ? `hmac ${next.count}` : null } },
      };
    case 'Spec':
      return changeAgent(next, ({ spec }) => ({ spec: { ...spec, ...event.spec } }));
    case 'Image':
      return changeAgent(next, ({ spec }) => ({
        spec: { ...spec, template: { ...spec.template, image: event.image } },
      }));
    case 'Policy':
      return { ...next, world: { ...world, policy: event.policy } };
    case 'Move':
      return {
        ...next,
        world: {
          ...world,
          runtime:
            'missing' in world.runtime
              ? world.runtime
              : { ...world.runtime, object: runtimeOf({}, event.runtime) },
        },
      };
    case 'Resume':
      return annotate(next, 'agentctl.dev/resume', `${next.count}`);
    case 'RolloutRestart':
      return annotate(next, 'agentctl.dev/restartedAt', iso(world.now));
    case 'Delete':
      return changeAgent(next, ({ metadata }) => ({
        metadata: { ...metadata, deletionTimestamp: iso(world.now) },
      }));
    case 'DeleteInstance':
      return view(next, event.at, (one) => ({
        ...one,
        object: {
          ...one.object,
          metadata: { ...one.object.metadata, deletionTimestamp: iso(world.now) },
        },
      }));
    case 'Begin':
      return begin(next);
    case 'End':
      return land(next, event.end);
    case 'Step':
      return step(next, event);
  }
}

const held = (hold: number | 'Forever', { now }: World): Gate => ({
  name: 'budget',
  state: 'Held',
  ...(hold === 'Forever' ? {} : { until: now + hold }),
  reason: 'OverBudget',
  message: 'The budget is spent',
});

function begin(house: House): House {
  const plan = reconcile(house.world);
  const flying = new Map(house.flying);
  for (const action of runnable(plan))
    if ('uid' in action && action.after.length === 0 && !flying.has(action.name))
      flying.set(action.name, action);
  return { ...house, flying, world: withFlights(granted(written(house.world, plan), plan), flying) };
}

/** Ends all that is under way. */
export function land(house: House, end: Outcome['result']): House {
  let world = withFlights(house.world, new Map());
  for (const action of house.flying.values())
    world = end === 'Succeeded' ? carriedOut(world, action) : failed(world, action, end);
  return { ...house, world, flying: new Map() };
}

const withFlights = (world: World, flying: ReadonlyMap<string, Action>): World => ({
  ...world,
  instances: world.instances.map(({ inFlight: _, ...one }) => {
    const action = flying.get(one.object.metadata.name);
    return action === undefined ? one : { ...one, inFlight: action.id };
  }),
});

/** Writes the plan, and lets the first `done` actions succeed; the next one ends as `end` says. */
function step(house: House, { done, end }: Extract<WorldEvent, { is: 'Step' }>): House {
  const plan = reconcile(house.world);
  const actions = runnable(plan);
  let world = granted(written(house.world, plan), plan);
  for (const action of actions.slice(0, done)) world = carriedOut(world, action);
  const failing = actions[done];
  if (failing !== undefined && end !== 'Crash') world = failed(world, failing, end);
  return { ...house, world };
}

/** In the plan's order, each after those that it names. */
export function runnable(plan: Plan): Action[] {
  const ids = new Set(plan.actions.map(({ id }) => id));
  for (const action of plan.actions)
    for (const before of action.after)
      if (!ids.has(before)) throw new Error(`${action.id} waits for ${before}, which is not in the plan`);
  const order: Action[] = [];
  const left = new Set(plan.actions);
  while (left.size > 0) {
    const ready = [...left].filter(({ after }) => after.every((id) => order.some((one) => one.id === id)));
    if (ready.length === 0) throw new Error('actions wait for each other');
    for (const action of ready) {
      order.push(action);
      left.delete(action);
    }
  }
  return order;
}

function failed(world: World, action: Action, result: Exclude<Outcome['result'], 'Succeeded'>): World {
  if (!('name' in action) || action.type === 'DeleteRevision') return world;
  return {
    ...world,
    instances: world.instances.map((one) =>
      one.object.metadata.name === action.name
        ? {
            ...one,
            object: {
              ...one.object,
              status: applyOutcome(
                one.object.status ?? {},
                action,
                { result, reason: 'Broken', message: 'It is broken.' },
                world.now,
              ),
            },
          }
        : one,
    ),
  };
}

function talkOf(
  { object }: InstanceView,
  { state, unenforced = false }: Extract<WorldEvent, { is: 'Talk' }>,
  now: number,
): TalkView | undefined {
  if (state === undefined) return undefined;
  const control = { status: 'False', reason: 'NeverAsks', message: 'It never asks' } as const;
  return {
    run: object.status?.run?.number ?? 0,
    state,
    since: now,
    message: `${state}.`,
    controls: unenforced ? { PermissionsEnforced: control } : {},
  };
}

const isUp = ({ state }: Observed): boolean => state === 'Running' || state === 'Paused';

function withStray(one: InstanceView, running: boolean, { world, count }: House): InstanceView['observed'] {
  if (one.observed === 'Unknown') return one.observed;
  const { metadata, status } = one.object;
  const stray: Observed = {
    ref: `stray ${count}`,
    instanceUid: metadata.uid,
    namespace: 'default',
    instance: metadata.name,
    agent: 'web',
    run: Math.max(1, (status?.run?.number ?? 1) - 1),
    revision: 'web-1',
    state: running ? 'Running' : 'Exited',
    startId: `stray ${count}`,
    startedAt: world.now,
    ...(running ? {} : { exit: { code: 0, finishedAt: world.now, cause: 'Agent' as const } }),
  };
  return [...one.observed, stray];
}

function view(house: House, at: number, to: (one: InstanceView) => InstanceView): House {
  const { instances } = house.world;
  if (instances.length === 0) return house;
  const picked = at % instances.length;
  return {
    ...house,
    world: { ...house.world, instances: instances.map((one, index) => (index === picked ? to(one) : one)) },
  };
}

const containers = (house: House, at: number, to: (one: Observed) => Observed[]): House =>
  view(house, at, (one) =>
    one.observed === 'Unknown'
      ? one
      : { ...one, observed: one.observed.flatMap((container) => to(container)) },
  );

function hide(house: House, state: 'Offline' | 'Syncing'): House {
  const { world } = house;
  if ('missing' in world.runtime) return house;
  const hidden = new Map(house.hidden);
  for (const { object, observed } of world.instances)
    if (observed !== 'Unknown') hidden.set(object.metadata.uid, observed);
  return {
    ...house,
    hidden,
    world: {
      ...world,
      runtime: { ...world.runtime, health: { state, message: 'no answer', since: world.now } },
      instances: world.instances.map((one) => ({ ...one, observed: 'Unknown' })),
    },
  };
}

function show(house: House): House {
  const { world, hidden } = house;
  if (hidden === undefined || 'missing' in world.runtime) return house;
  return {
    ...house,
    hidden: undefined,
    world: {
      ...world,
      runtime: { ...world.runtime, health: { state: 'Online' } },
      instances: world.instances.map((one) => ({
        ...one,
        observed: one.observed === 'Unknown' ? (hidden.get(one.object.metadata.uid) ?? []) : one.observed,
      })),
    },
  };
}

function changeAgent(house: House, to: (agent: Agent) => Partial<Agent>): House {
  const { agent } = house.world;
  const changed = { ...agent, ...to(agent) };
  const { generation = 1 } = agent.metadata;
  const metadata = { ...changed.metadata, generation: generation + (changed.spec === agent.spec ? 0 : 1) };
  return { ...house, world: { ...house.world, agent: { ...changed, metadata } } };
}

const annotate = (house: House, key: string, value: string): House =>
  changeAgent(house, ({ metadata }) => ({
    metadata: { ...metadata, annotations: { ...metadata.annotations, [key]: value } },
  }));

/** Steps with every action succeeding until nothing is left to do at this instant; undefined: it never comes to rest. */
export function settle(house: House, most = 30): { house: House; plan: Plan } | undefined {
  let current = house;
  for (let round = 0; round < most; round++) {
    const plan = reconcile(current.world);
    if (plan.actions.length === 0 && plan.wants.length === 0)
      return { house: { ...current, world: written(current.world, plan) }, plan };
    let world = granted(written(current.world, plan), plan);
    for (const action of runnable(plan)) world = carriedOut(world, action);
    current = { ...current, world };
  }
  return undefined;
}
