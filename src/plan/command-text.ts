import type { Agent } from '../api/objects.ts';

/** Returns a command to copy and paste: `agentctl resume web -n shop`. `words` end with the object's name. */
export function command({ metadata }: Pick<Agent, 'metadata'>, words: string, flags = ''): string {
  const { namespace = 'default' } = metadata;
  const place = namespace === 'default' ? '' : ` -n ${namespace}`;
  return `agentctl ${words}${place}${flags === '' ? '' : ` ${flags}`}`;
}
