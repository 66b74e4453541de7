import type { AgentSpec } from '../api/objects.ts';
import type { Turn } from './turn.ts';
import type { TalkView } from './world.ts';

/** Whether instances are talked to at all. */
export const speaks = ({ protocol }: AgentSpec): boolean => protocol === 'acp' || protocol === 'jsonl';

/** How the newest run is talked to; what is known of an earlier one counts for nothing. */
export function talkOf({ view, next }: Turn): TalkView | undefined {
  const { talk } = view;
  return talk !== undefined && talk.run === next.run?.number ? talk : undefined;
}

/** The run has ended, and what it wrote is not read to the end: its container must stay as it is. */
export const draining = (turn: Turn): boolean => talkOf(turn)?.state === 'Draining';
