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
export function revertedRevision({ metadata }: Agent, newest: string): string | undefined {
  const [revision = '', time] = metadata.annotations?.[revertedAnnotation]?.split(' ') ?? [];
  const at = instant(time);
  if (at === undefined || at < (instant(metadata.creationTimestamp) ?? 0)) return undefined; // of an exported manifest
  const resumed = instant(metadata.annotations?.[resumeAnnotation]);
  if (resumed !== undefined && resumed >= at) return undefined;
  return newest === `${metadata.name}-${numberOf(revision) + 1}` ? revision : undefined;
}

const numberOf = (revision: string): number => Number(/-(\d+)$/.exec(revision)?.[1]);
