import type { Agent } from '../api/objects.ts';

/** A command that can be pasted as it is: `agentctl resume web -n shop`. `words` end with the object's name. */
export function command({ metadata }: Pick<Agent, 'metadata'>, words: string, flags = ''): string {
  const { namespace = 'default' } = metadata;
  const place = namespace === 'default' ? '' : ` -n ${namespace}`;
  return `agentctl ${words}${place}${flags === '' ? '' : ` ${flags}`}`;
}
