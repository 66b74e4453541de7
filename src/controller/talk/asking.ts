import type { ToolUse } from '../../protocols/talk.ts';
import type { Action } from './rules.ts';

/** A change of a file that failed has changed nothing: many agents look at the file first, and only then ask. */
const doneOrNot: ReadonlySet<string> = new Set(['read', 'edit', 'delete', 'move', 'search', 'think']);

/**
 * Whether a tool was used that should have been asked about, and was not. `Unclear`: it may have failed before it would
 * have been asked about, as for a wrong input.
 */
export function usedWithoutAsking(
  { kind, asked, announced, whole, end }: Pick<ToolUse, 'kind' | 'asked' | 'announced' | 'whole' | 'end'>,
  action: Action,
): 'Yes' | 'No' | 'Unclear' {
  if (asked || !whole || action === 'Allow') return 'No';
  return end === 'failed' && (doneOrNot.has(kind) || !announced) ? 'Unclear' : 'Yes';
}
