import type { Agent } from '../../api/objects.ts';
import { usageCells, usageHead } from '../talk/usage.ts';
import { section, tableSection } from './fields.ts';
import type { Talks } from './talks.ts';

const day = 86_400_000;
/** The longest is how long what was used is kept. */
const windows = [
  ['24h', day],
  ['90d', 90 * day],
] as const;

/** What an agent's turns have used; nothing of one that does not talk. */
export async function usageSection(talks: Talks, agent: Agent, now: number): Promise<string> {
  if (agent.spec.protocol === 'none') return '';
  const asked = windows.map(async ([name, length]) => {
    const sums = await talks.usage(agent, now - length);
    return sums.map((sum) => [name, ...usageCells(sum)]);
  });
  const rows = (await Promise.all(asked)).flat();
  return rows.length === 0
    ? section('Usage', '  no turns in the last 90d\n')
    : tableSection('Usage', ['LAST', ...usageHead], rows);
}
