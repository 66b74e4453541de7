import type { Context } from './context.ts';
import { holdsPlace } from './place.ts';
import { alive, type Turn } from './turn.ts';

/** Cause of the stop that puts an instance to sleep. */
export const idleCause = 'Idle';

const nobody: ReadonlySet<Turn> = new Set();

/**
 * Mode OnDemand: the instances that have work, or messages of their own, or that are needed for the messages that any
 * may take. Those go to what is up first, by ordinal; then the lowest ordinals are woken.
 */
export function called({ settings, world }: Context, turns: readonly Turn[]): ReadonlySet<Turn> {
  if (settings.mode !== 'OnDemand') return nobody;
  const found = new Set(turns.filter(({ view }) => view.activity.busy || view.activity.waiting > 0));
  let left = world.inbox.waiting;
  if (left > 0)
    for (const turn of turns.toSorted((one, other) => rank(one) - rank(other))) {
      const places = freePlaces(turn);
      if (places === 0) continue;
      found.add(turn);
      left -= places;
      if (left <= 0) break;
    }
  return found;
}

/** What is up, or is restarted, comes first; what is put to sleep just now comes last. */
function rank(turn: Turn): number {
  if (alive(turn)) return turn.next.stop?.cause === idleCause ? 2 : 0;
  return turn.state === 'Unknown' || (turn.state === 'Claimed' && holdsPlace(turn.next)) ? 0 : 1;
}

/** How many more conversations it can take. One that is up, at work and free would have been given the message. */
function freePlaces(turn: Turn): number {
  const { context, next, object, view } = turn;
  if (object.metadata.deletionTimestamp !== undefined) return 0;
  const { replicas, conversations } = context.world.agent.spec;
  if (object.spec.ordinal >= replicas) return 0;
  if (next.phase === 'Failed' || next.phase === 'Completed' || view.activity.busy) return 0;
  return Math.max(0, conversations.perInstance - view.activity.waiting);
}
