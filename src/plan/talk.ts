import type { AgentSpec } from '../api/objects.ts';
import type { InstanceDraft } from './draft.ts';
import type { Activity, Instant, TalkView } from './world.ts';

/** Whether instances are talked to at all. */
export const speaks = ({ protocol }: AgentSpec): boolean => protocol === 'acp' || protocol === 'jsonl';

/**
 * An instance that has nothing to do since then. One without a protocol has no turns: it is idle at any time, so whatever
 * waits for idleness comes at once.
 */
export const idle = (spec: AgentSpec, since: Instant): Activity => ({
  busy: false,
  idleSince: speaks(spec) ? since : 0,
  waiting: 0,
});

/** How the newest run is talked to; what is known of an earlier one counts for nothing. */
export function talkOf({ view, next }: InstanceDraft): TalkView | undefined {
  const { talk } = view;
  return talk !== undefined && talk.run === next.run?.number ? talk : undefined;
}

/** The run has ended, and what it wrote is not read to the end: its container must stay as it is. */
export const draining = (draft: InstanceDraft): boolean => talkOf(draft)?.state === 'Draining';
