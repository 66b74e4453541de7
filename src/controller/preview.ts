import type { AgentPlan } from '../client/streams.ts';
import { formatPlan } from '../plan/format.ts';
import { reconcile } from '../plan/reconcile.ts';
import type { World } from '../plan/world.ts';

/** What would be done for this World, in words and by action. */
export function preview(world: World): Omit<AgentPlan, 'agent'> {
  const plan = reconcile(world);
  const actions = plan.actions.map(({ id, type, cause, message }) => ({ id, type, cause, message }));
  return { text: formatPlan(plan), actions };
}
