import { UsageError } from '../failure.ts';
import type { SelectOptions } from '../select.ts';
import { parseTargetsOf, type Target } from '../targets.ts';

/** `fleet`, `sync/fleet`; with a selector or --all no word is needed. */
export function syncTargets(words: readonly string[], options: SelectOptions): Target[] {
  const many = options.all === true || options.selector !== undefined;
  if (words.length === 0 && !many) throw new UsageError('specify syncs: names, -l with labels, or --all');
  const targets = parseTargetsOf('Sync', words.length === 0 ? ['syncs'] : words, options);
  const other = targets.find(({ info }) => info.kind !== 'Sync');
  if (other === undefined) return targets;
  throw new UsageError(`found ${other.info.singular}, expected a sync, as in fleet or sync/fleet`);
}
