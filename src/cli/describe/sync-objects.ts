import type { SyncStatus } from '../../api/objects.ts';
import { counted } from '../counted.ts';
import { table } from '../print/table.ts';

interface Named {
  kind: string;
  namespace?: string;
  name: string;
}

/** `agent/web`; `agent/web in other` where it is not in the Sync's namespace. */
function objectText({ kind, namespace, name }: Named, home: string | undefined): string {
  const text = `${kind.toLowerCase()}/${name}`;
  return namespace === undefined || namespace === home ? text : `${text} in ${namespace}`;
}

interface Changed extends Named {
  change?: string;
  fields?: readonly string[];
}

/** A field a line, the object beside the first of them. */
export function changeTable(
  head: readonly string[],
  items: readonly Changed[],
  home: string | undefined,
): string {
  const rows = items.flatMap((item) => {
    const { change, fields = [] } = item;
    const lead = [objectText(item, home), ...(change === undefined ? [] : [change])];
    const lines = fields.length > 0 ? fields : [change === 'Configured' ? 'only its source' : ''];
    return lines.map((line, index) => [...(index === 0 ? lead : lead.map(() => '')), line]);
  });
  return table([head, ...rows], { indent: '  ' });
}

const shownAtMost = 50;

/** How many of each kind, and which. */
export function inventoryText({ inventory = [] }: SyncStatus, home: string | undefined): string {
  if (inventory.length === 0) return '  <none>\n';
  const counts = [...Map.groupBy(inventory, ({ kind }) => kind)]
    .map(([kind, items]) => counted(items.length, kind))
    .join(', ');
  const names = inventory.map((item) => objectText(item, home)).sort();
  const more = names.length - shownAtMost;
  const lines = [counts, ...names.slice(0, shownAtMost), ...(more > 0 ? [`and ${more} more`] : [])];
  return lines.map((line) => `  ${line}\n`).join('');
}
