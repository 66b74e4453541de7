import { purgeAnnotation } from '../api/annotations.ts';
import type { Action } from './action.ts';
import { type InstanceDraft, phase, wake } from './draft.ts';
import { instant } from './instant.ts';
import { retryPeriod } from './stop.ts';
import type { Observed } from './world.ts';

/** Kills and removes all containers except that of the newest run. Returns whether there were any. */
export function clearStrays(draft: InstanceDraft): boolean {
  if (draft.strays.length === 0) return false;
  if (draft.view.inFlight !== undefined || failedLately(draft)) return true;
  for (const stray of draft.strays) {
    const after: string[] = [];
    if (stray.state === 'Running' || stray.state === 'Paused') {
      const id = `Kill/${draft.name}/${stray.ref}`;
      after.push(id);
      draft.actions.push({
        ...base(draft, 'Duplicate', `${stray.ref} is a duplicate of ${draft.name}.`),
        type: 'Kill',
        id,
        run: stray.run,
        ref: stray.ref,
      });
    }
    draft.actions.push(remove(draft, stray, 'Duplicate', `${stray.ref} is not the newest run.`, after));
  }
  return true;
}

/**
 * Removes everything that the Runtime has of an Instance that no longer runs. Returns the ids of the Remove actions.
 */
export function removeAll(draft: InstanceDraft, cause: string, message: string): readonly string[] {
  const { observed } = draft.view;
  if (observed === 'Unknown') return [];
  for (const one of observed) {
    if (draft.strays.includes(one)) continue; // see clearStrays
    draft.actions.push(remove(draft, one, cause, message, []));
  }
  return draft.actions.filter(({ type }) => type === 'Remove').map(({ id }) => id);
}

/** Waits before a failed removal is retried. Returns whether it waits. */
export function removalWaits(draft: InstanceDraft, meanwhile: 'Stopping' | 'Pending'): boolean {
  if (!failedLately(draft)) return false;
  const { reason = 'RemoveFailed', message = 'Its container cannot be removed.' } =
    draft.next.lastOutcome ?? {};
  phase(draft, meanwhile, reason, message);
  return true;
}

function failedLately(draft: InstanceDraft): boolean {
  const { lastOutcome: outcome } = draft.next;
  const clearing = outcome?.action === 'Remove' || outcome?.action === 'Kill';
  if (!clearing || outcome.result === 'Succeeded') return false;
  const at = Math.min(draft.now, instant(outcome.at) ?? draft.now) + retryPeriod;
  if (at <= draft.now) return false;
  wake(draft, at);
  return true;
}

function remove(
  draft: InstanceDraft,
  one: Observed,
  cause: string,
  message: string,
  after: readonly string[],
): Action {
  const { agent } = draft.context.world;
  const volumes = draft.context.deleting && agent.metadata.annotations?.[purgeAnnotation] === 'true';
  return {
    ...base(draft, cause, message),
    after,
    type: 'Remove',
    id: `Remove/${draft.name}/${one.ref}`,
    ref: one.ref,
    volumes,
  };
}

const base = (draft: InstanceDraft, cause: string, message: string) => ({
  after: [] as readonly string[],
  cause,
  message,
  name: draft.name,
  uid: draft.uid,
});
