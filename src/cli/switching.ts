import type { Kind } from '../api/objects.ts';
import { UsageError } from './failure.ts';
import type { SelectOptions } from './select.ts';
import { parseAgentTargets, type Target } from './targets.ts';

/** What is suspended or resumed: agents by name alone, and objects of these kinds. */
export function parseSwitchTargets(
  words: readonly string[],
  options: SelectOptions,
  kinds: readonly Kind[],
): Target[] {
  const targets = parseAgentTargets(words, options);
  const other = targets.find(({ info }) => !kinds.includes(info.kind));
  if (other === undefined) return targets;
  const expected = kinds.map((kind) => kind.toLowerCase()).join(', ');
  throw new UsageError(`found ${other.info.singular}, expected one of ${expected}, as in agent/web`);
}
