import type { AgentPlan } from '../client/streams.ts';
import { refusal } from '../plan/accept.ts';
import { missingInputs } from '../plan/inputs.ts';
import { outline } from '../plan/outline.ts';
import { reconcile } from '../plan/reconcile.ts';
import type { World } from '../plan/world.ts';

/** What would be done for this World, in words and by action. */
export function preview(world: World): Omit<AgentPlan, 'agent'> {
  const plan = reconcile(world);
  const actions = plan.actions.map(({ id, type, cause, message }) => ({ id, type, cause, message }));
  return { text: outline(plan, refusal(world) ?? missingInputs(world)), actions };
}
