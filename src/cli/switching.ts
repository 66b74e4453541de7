import { findKind } from '../api/kinds.ts';
import type { Kind } from '../api/objects.ts';
import { UsageError } from './failure.ts';
import type { SelectOptions } from './select-objects.ts';
import { parseAgentTargets, requireKind, type Target } from './targets.ts';

/** Parses what to suspend or resume: agents by name alone, and objects of these kinds. */
export function parseSwitchTargets(
  words: readonly string[],
  options: SelectOptions,
  kinds: readonly Kind[],
  verb: string,
): Target[] {
  requireKind(words, options, verb);
  const [word = '', second] = words;
  const alone = second === undefined && options.selector === undefined && options.all !== true;
  const kind = alone ? findKind(word) : undefined;
  if (kind !== undefined && kinds.includes(kind.kind) && word !== kind.plural) {
    const more = word === 'agent' ? '' : `; for an agent with that name, use agent/${word}`;
    throw new UsageError(`${word} is a kind: add a name, such as ${kind.singular}/NAME${more}`);
  }
  const targets = parseAgentTargets(words, options);
  const other = targets.find(({ info }) => !kinds.includes(info.kind));
  if (other === undefined) return targets;
  const expected = kinds.map((kind) => kind.toLowerCase()).join(', ');
  throw new UsageError(`found ${other.info.singular}, expected one of ${expected}, as in agent/web`);
}
