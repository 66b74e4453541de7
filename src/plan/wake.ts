import type { Context } from './context.ts';
import { alive, holdsPlace, type InstanceDraft } from './draft.ts';

/** Cause of the stop that puts an instance to sleep. */
export const idleCause = 'Idle';

const nobody: ReadonlySet<InstanceDraft> = new Set();

/**
 * Mode OnDemand: returns the instances that must run. These are the busy ones, those with messages of their own, and as
 * many as the messages for any instance need: running instances first, by ordinal, then the lowest ordinals.
 */
export function called(
  { settings, world }: Context,
  drafts: readonly InstanceDraft[],
): ReadonlySet<InstanceDraft> {
  if (settings.mode !== 'OnDemand') return nobody;
  const found = new Set(drafts.filter(({ view }) => view.activity.busy || view.activity.waiting > 0));
  let left = world.inbox.waiting;
  if (left > 0)
    for (const draft of drafts.toSorted((one, other) => rank(one) - rank(other))) {
      const places = freePlaces(draft);
      if (places === 0) continue;
      found.add(draft);
      left -= places;
      if (left <= 0) break;
    }
  return found;
}

/** Running and restarting instances come first. Those that are being put to sleep come last. */
function rank(draft: InstanceDraft): number {
  if (alive(draft)) return draft.next.stop?.cause === idleCause ? 2 : 0;
  return draft.state === 'Unknown' || (draft.state === 'Claimed' && holdsPlace(draft.next)) ? 0 : 1;
}

/**
 * How many more conversations it can take. A busy instance counts as full: with a free place it would have the message.
 */
function freePlaces(draft: InstanceDraft): number {
  const { context, next, object, view } = draft;
  if (object.metadata.deletionTimestamp !== undefined) return 0;
  const { replicas, conversations } = context.world.agent.spec;
  if (object.spec.ordinal >= replicas) return 0;
  if (next.phase === 'Failed' || next.phase === 'Completed' || view.activity.busy) return 0;
  return Math.max(0, conversations.perInstance - view.activity.waiting);
}
