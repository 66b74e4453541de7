import type { Action, Plan } from './action.ts';
import { carriedOut, granted, written } from './model.ts';
import { reconcile } from './reconcile.ts';
import type { Instant, World } from './world.ts';

/** One thing that will happen, if nothing else does. */
export interface ForecastEntry {
  at: Instant;
  /** Absent: it is about the Agent. */
  instance?: string | undefined;
  /** An action's type, or the phase that an Instance comes to. */
  what: string;
  message: string;
}

/** More steps than any schedule needs: a schedule of every minute over a month has fewer. */
const mostSteps = 200_000;

/**
 * What happens next, and when: the planner run on, with a simulated clock and each action succeeding as model.ts says.
 * No instance ends by itself, and every Runtime has room.
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

/** The phases that Instances come to, but for those that an action tells of. */
function arrivals(world: World, plan: Plan): ForecastEntry[] {
  return world.instances.flatMap(({ object }): ForecastEntry[] => {
    const status = plan.instances.get(object.metadata.name);
    const phase = status?.phase;
    if (phase === undefined || phase === object.status?.phase) return [];
    if (phase === 'Starting' || phase === 'Stopping' || phase === 'Pending') return [];
    return [{ at: world.now, instance: object.metadata.name, what: phase, message: status?.message ?? '' }];
  });
}
