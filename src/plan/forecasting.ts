import { finalizer } from '../api/annotations.ts';
import type { Agent, Instance, Revision } from '../api/objects.ts';
import type { Action, Plan } from './action.ts';
import { idle, speaks } from './draft.ts';
import { applyOutcome } from './exits.ts';
import { reconcile } from './reconcile.ts';
import { type Instant, timeText } from './times.ts';
import type { InstanceView, Observed, World } from './world.ts';

/** One thing that will happen if nothing else interferes. */
export interface ForecastEntry {
  at: Instant;
  /** Absent: the entry is about the Agent. */
  instance?: string | undefined;
  /** The type of an action, or the new phase of an Instance. */
  what: string;
  message: string;
}

/** A limit that no schedule reaches: a schedule of every minute has fewer steps in a month. */
const mostSteps = 200_000;

/**
 * Returns what happens next, and when, until `until` and at most `most` entries. It runs the planner with a simulated
 * clock, in which each action succeeds (`carriedOut`). No instance ends by itself, and every Runtime has room.
 */
export function forecast(world: World, until: Instant, most = 1000): ForecastEntry[] {
  const entries: ForecastEntry[] = [];
  let current = world;
  for (let step = 0; step < mostSteps && entries.length < most; step++) {
    const plan = reconcile(current);
    entries.push(...arrivals(current, plan));
    let after = granted(written(current, plan), plan);
    for (const action of plan.actions) {
      if (action.type === 'Release') return [...entries, entryOf(current.now, action)];
      entries.push(entryOf(current.now, action));
      after = carriedOut(after, action);
    }
    const moved = plan.actions.length > 0 || plan.wants.length > 0;
    if (!moved) {
      if (plan.wakeAt === undefined || plan.wakeAt > until) break;
      after = { ...after, now: plan.wakeAt };
    }
    current = after;
  }
  return entries.slice(0, most);
}

const entryOf = (at: Instant, action: Action): ForecastEntry => ({
  at,
  ...('name' in action && action.type !== 'DeleteRevision' ? { instance: action.name } : {}),
  what: action.type,
  message: action.message,
});

/** Returns the new phases of Instances, except those that an action already shows. */
function arrivals(world: World, plan: Plan): ForecastEntry[] {
  return world.instances.flatMap(({ object }): ForecastEntry[] => {
    const status = plan.instances.get(object.metadata.name);
    const phase = status?.phase;
    if (phase === undefined || phase === object.status?.phase) return [];
    if (phase === 'Starting' || phase === 'Stopping' || phase === 'Pending') return [];
    return [{ at: world.now, instance: object.metadata.name, what: phase, message: status?.message ?? '' }];
  });
}

/** What each action does when it succeeds. Forecasts use it, and tests compare the real drivers with it. */

/** Returns the World after a plan's statuses are written. A claim uses up its grant. */
export function written(world: World, plan: Plan): World {
  const claimed = new Set(plan.actions.flatMap((action) => (action.type === 'Start' ? [action.uid] : [])));
  return {
    ...world,
    agent: { ...world.agent, status: plan.status },
    instances: world.instances.map((view) => {
      const status = plan.instances.get(view.object.metadata.name);
      return status === undefined ? view : { ...view, object: { ...view.object, status } };
    }),
    grants: new Set([...world.grants].filter((uid) => !claimed.has(uid))),
  };
}

/** Returns the World in which every Instance that wants a place has one. */
export const granted = (world: World, plan: Plan): World => ({
  ...world,
  grants: new Set([...world.grants, ...plan.wants.map(({ uid }) => uid)]),
});

/** Returns the World after one action has succeeded. */
export function carriedOut(world: World, action: Action): World {
  switch (action.type) {
    case 'CreateRevision':
      return { ...world, revisions: [...world.revisions, revisionOf(world, action.revision)] };
    case 'DeleteRevision':
      return { ...world, revisions: world.revisions.filter(({ metadata }) => metadata.name !== action.name) };
    case 'CreateInstance':
      return { ...world, instances: byOrdinal([...world.instances, viewOf(world, action)]) };
    case 'DeleteInstance':
      return {
        ...world,
        instances: world.instances.filter(({ object }) => object.metadata.name !== action.name),
      };
    case 'MoveInstance':
      return change(world, action, (view) => ({
        ...view,
        object: { ...view.object, spec: { ...view.object.spec, runtimeRef: { name: action.runtime } } },
        observed: [],
      }));
    case 'Start':
      return change(world, action, (view) => start(world, view, action));
    // Messages are not simulated: a prompt counts as sent, and makes no instance busy.
    case 'SendPrompt':
    case 'SkipPrompt':
      return {
        ...world,
        inbox: {
          ...world.inbox,
          sent: new Map([...world.inbox.sent, [action.schedule ?? '', action.dueAt]]),
        },
      };
    case 'Shutdown':
      return change(world, action, (view) => containers(view, (one) => end(world, one, action.ref, 0)));
    case 'Signal':
      return change(world, action, (view) =>
        containers(view, (one) => end(world, one, action.ref, 143, action.signal ?? 'SIGTERM')),
      );
    case 'Kill':
      return change(world, action, (view) =>
        containers(view, (one) => end(world, one, action.ref, 137, 'SIGKILL')),
      );
    case 'Remove':
      return change(world, action, (view) =>
        containers(view, (one) => (one.ref === action.ref ? [] : [one])),
      );
    case 'Revert':
      return withAgent(
        world,
        { spec: action.spec },
        { generation: (world.agent.metadata.generation ?? 0) + 1, annotations: action.annotations },
      );
    case 'Adopt':
      return withAgent(world, {}, { finalizers: [...(world.agent.metadata.finalizers ?? []), finalizer] });
    case 'Release':
      return withAgent(
        world,
        {},
        { finalizers: world.agent.metadata.finalizers?.filter((one) => one !== finalizer) ?? [] },
      );
  }
}

function start(world: World, view: InstanceView, action: Extract<Action, { type: 'Start' }>): InstanceView {
  const { now } = world;
  const { metadata } = view.object;
  const again = action.how === 'Restart';
  const before = view.observed === 'Unknown' ? [] : view.observed;
  const old = again ? before.find(({ ref }) => ref === action.ref) : undefined;
  const isRenewed = !('missing' in world.runtime) && world.runtime.capabilities.restartInPlace === 'Renewed';
  const kept = isRenewed ? undefined : old;
  const container: Observed = {
    ref: (again ? action.ref : undefined) ?? `${action.name}/${action.run}`,
    instanceUid: action.uid,
    namespace: metadata.namespace ?? 'default',
    instance: action.name,
    agent: world.agent.metadata.name,
    // Labels stay at a restart, unless it renews them.
    run: (kept ?? action).run,
    revision: (kept ?? action).revision,
    state: 'Running',
    startId: `${action.run} at ${timeText(now)}`,
    startedAt: now,
    controllerVersion: old?.controllerVersion ?? world.controllerVersion,
    ...(world.imageId === undefined ? {} : { imageId: old?.imageId ?? world.imageId }),
  };
  const good = { ok: true, since: now, message: '' };
  return {
    ...view,
    observed: [container],
    probe: { ready: good, live: good },
    activity: idle(world.agent.spec, now),
    talk: speaks(world.agent.spec)
      ? { run: action.run, state: 'Ready', since: now, message: '', controls: view.talk?.controls ?? {} }
      : undefined,
  };
}

function end({ now }: World, one: Observed, ref: string, code: number, signal?: string): Observed[] {
  if (one.ref !== ref || (one.state !== 'Running' && one.state !== 'Paused')) return [one];
  return [{ ...one, state: 'Exited', exit: { code, signal, finishedAt: now, cause: 'Agent' } }];
}

const containers = (view: InstanceView, each: (one: Observed) => Observed[]): InstanceView =>
  view.observed === 'Unknown' ? view : { ...view, observed: view.observed.flatMap(each) };

function change(
  world: World,
  action: Extract<Action, { name: string }>,
  effect: (view: InstanceView) => InstanceView,
): World {
  return {
    ...world,
    instances: world.instances.map((view) => {
      if (view.object.metadata.name !== action.name) return view;
      const after = effect(view);
      const status = applyOutcome(after.object.status ?? {}, action, { result: 'Succeeded' }, world.now);
      return { ...after, object: { ...after.object, status } };
    }),
  };
}

const withAgent = (world: World, agent: Partial<Agent>, metadata: Partial<Agent['metadata']>): World => ({
  ...world,
  agent: { ...world.agent, ...agent, metadata: { ...world.agent.metadata, ...metadata } },
});

const byOrdinal = (views: InstanceView[]): InstanceView[] =>
  views.sort((one, other) => one.object.spec.ordinal - other.object.spec.ordinal);

const metadataOf = (world: World, name: string) => ({
  name,
  uid: `${world.agent.metadata.uid}/${name}/${world.now}`,
  resourceVersion: '1',
  creationTimestamp: timeText(world.now),
});

const revisionOf = (
  world: World,
  revision: Extract<Action, { type: 'CreateRevision' }>['revision'],
): Revision =>
  ({
    ...revision,
    metadata: { ...revision.metadata, ...metadataOf(world, revision.metadata.name ?? '') },
  }) as Revision; // the planner fills in the other fields

function viewOf(world: World, { name, instance }: Extract<Action, { type: 'CreateInstance' }>): InstanceView {
  const metadata = { ...instance.metadata, ...metadataOf(world, name) };
  return {
    object: { ...instance, metadata } as Instance, // the planner fills in the other fields
    observed: [],
    probe: {},
    activity: idle(world.agent.spec, world.now),
  };
}
