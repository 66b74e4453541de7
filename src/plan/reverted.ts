import type { Agent } from '../api/objects.ts';
import { instant, timeText } from './instant.ts';
import { resumeAnnotation } from './restart.ts';
import type { Instant } from './world.ts';

/** On an Agent: the Revision that autoRevert took back last, and when. Written together with the earlier spec. */
export const revertedAnnotation = 'agentctl.dev/reverted';

export const revertedText = (revision: string, at: Instant): string => `${revision} ${timeText(at)}`;

/**
 * The Revision that autoRevert took back, where `newest` is the one that came of that: the rollout has failed, until
 * another spec comes or somebody asks to go on (agentctl resume).
 */
export function revertedRevision(agent: Agent, newest: string): string | undefined {
  const revision = taken(agent);
  return revision !== undefined && newest === `${agent.metadata.name}-${numberOf(revision) + 1}`
    ? revision
    : undefined;
}

/** Whether what an Agent says now is what autoRevert set it back to, by what its status has taken in. */
export function isReverted(agent: Agent): boolean {
  const newest = agent.status?.updateRevision ?? '';
  return revertedRevision(agent, newest) !== undefined || taken(agent) === newest;
}

function taken({ metadata: { annotations, creationTimestamp } }: Agent): string | undefined {
  const [revision, time] = annotations?.[revertedAnnotation]?.split(' ') ?? [];
  const at = instant(time);
  if (at === undefined || at < (instant(creationTimestamp) ?? 0)) return undefined; // of an exported manifest
  const resumed = instant(annotations?.[resumeAnnotation]);
  return resumed !== undefined && resumed >= at ? undefined : revision;
}

const numberOf = (revision: string): number => Number(/-(\d+)$/.exec(revision)?.[1]);
