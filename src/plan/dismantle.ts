import type { Action } from './action.ts';
import { instant } from './instant.ts';
import { retryPeriod } from './stop.ts';
import { phase, type Turn, wake } from './turn.ts';
import type { Observed } from './world.ts';

export const purgeAnnotation = 'agentctl.dev/purge';

/** Kills and removes what is not the newest run's container. Tells whether there was anything. */
export function clearStrays(turn: Turn): boolean {
  if (turn.strays.length === 0) return false;
  if (turn.view.inFlight !== undefined || failedLately(turn)) return true;
  for (const stray of turn.strays) {
    const after: string[] = [];
    if (stray.state === 'Running' || stray.state === 'Paused') {
      const id = `Kill/${turn.name}/${stray.ref}`;
      after.push(id);
      turn.actions.push({
        ...base(turn, 'Duplicate', `${stray.ref} is a duplicate of ${turn.name}.`),
        type: 'Kill',
        id,
        run: stray.run,
        ref: stray.ref,
      });
    }
    turn.actions.push(remove(turn, stray, 'Duplicate', `${stray.ref} is not the newest run.`, after));
  }
  return true;
}

/** Removes all that its Runtime has of an Instance whose run is over. Answers the ids of the removals. */
export function removeAll(turn: Turn, cause: string, message: string): readonly string[] {
  const { observed } = turn.view;
  if (observed === 'Unknown') return [];
  for (const one of observed) {
    if (turn.strays.includes(one)) continue; // see clearStrays
    turn.actions.push(remove(turn, one, cause, message, []));
  }
  return turn.actions.filter(({ type }) => type === 'Remove').map(({ id }) => id);
}

/** A removal that failed is tried again after a while. */
export function removalWaits(turn: Turn, meanwhile: 'Stopping' | 'Pending'): boolean {
  if (!failedLately(turn)) return false;
  const { reason = 'RemoveFailed', message = 'Its container cannot be removed.' } =
    turn.next.lastOutcome ?? {};
  phase(turn, meanwhile, reason, message);
  return true;
}

function failedLately(turn: Turn): boolean {
  const { lastOutcome: outcome } = turn.next;
  const clearing = outcome?.action === 'Remove' || outcome?.action === 'Kill';
  if (!clearing || outcome.result === 'Succeeded') return false;
  const at = Math.min(turn.now, instant(outcome.at) ?? turn.now) + retryPeriod;
  if (at <= turn.now) return false;
  wake(turn, at);
  return true;
}

function remove(turn: Turn, one: Observed, cause: string, message: string, after: readonly string[]): Action {
  const { agent } = turn.context.world;
  const volumes = turn.context.deleting && agent.metadata.annotations?.[purgeAnnotation] === 'true';
  return {
    ...base(turn, cause, message),
    after,
    type: 'Remove',
    id: `Remove/${turn.name}/${one.ref}`,
    ref: one.ref,
    volumes,
  };
}

const base = (turn: Turn, cause: string, message: string) => ({
  after: [] as readonly string[],
  cause,
  message,
  name: turn.name,
  uid: turn.uid,
});
