import type { AnyObject } from '../../api/objects.ts';
import { itemsOf, type TableRow } from '../../client/resources.ts';
import { type Ask, FollowedTable, type Scope } from '../../views/fleet-view.ts';
import type { Cli, Client } from '../cli.ts';
import { UsageError } from '../failure.ts';
import { streamSignal } from '../global-options.ts';
import type { Format } from '../print/output-format.ts';
import { formatObjects, withoutManagedFields } from '../print/print-objects.ts';
import { tableWithWidths } from '../print/text-table.ts';
import type { GetOptions } from './options.ts';
import { cellsOf, headerOf } from './tables.ts';

/** Prints the current objects, then a line for each change, until Ctrl-C. */
export async function watch(
  client: Client,
  asks: readonly Ask[],
  scope: Scope,
  format: Format,
  options: GetOptions,
  cli: Cli,
): Promise<void> {
  const [ask, second] = asks;
  if (ask === undefined || second !== undefined || ask.names.length > 1) {
    throw new UsageError('--watch requires a single kind or a single object: agentctl get agents -w');
  }
  const [name] = ask.names;
  const selected = {
    ...scope,
    namespace: ask.info.namespaced ? scope.namespace : undefined,
    ...(name === undefined ? {} : { fieldSelector: `metadata.name=${name}` }),
  };
  if (format.type === 'table')
    await watchTable(client, ask, selected, { ...options, wide: format.wide }, cli);
  else await watchObjects(client, ask, selected, format, options, cli);
}

async function watchTable(
  client: Client,
  { info, names }: Ask,
  selected: Scope,
  look: GetOptions & { wide: boolean },
  cli: Cli,
): Promise<void> {
  const namespaces = look.allNamespaces === true && info.namespaced;
  let widths: number[] = [];
  let begun = false;
  const print = (rows: readonly TableRow[]): void => {
    if (rows.length === 0) return;
    const body = rows.map((row) => cellsOf(table.columns, row, info, look));
    const whole = begun || !look.headers ? body : [headerOf(table.columns, look, namespaces), ...body];
    const printed = tableWithWidths(whole, { widths, color: cli.terminal.color });
    widths = printed.widths;
    begun = true;
    cli.out(printed.text);
  };
  const [name] = names;
  if (name !== undefined) await client.get(info.kind, { namespace: selected.namespace, name }); // throws NotFound if it does not exist
  const first = await client.tables.list(info.kind, selected);
  const table = new FollowedTable(info, first);
  if (look.watchOnly !== true) print(table.rows);
  const { resourceVersion } = first.metadata;
  for await (const event of client.tables.watch(info.kind, {
    ...selected,
    resourceVersion,
    signal: streamSignal(look, cli.signal),
  })) {
    print(table.take(event));
  }
}

async function watchObjects(
  client: Client,
  { info }: Ask,
  selected: Scope,
  format: Exclude<Format, { type: 'table' }>,
  options: GetOptions,
  cli: Cli,
): Promise<void> {
  let headers = options.headers;
  const print = async (object: AnyObject): Promise<void> => {
    const shown = options.showManagedFields === true ? object : withoutManagedFields(object);
    const text = await formatObjects(format, [shown], true, headers);
    headers = false;
    cli.out(format.type === 'yaml' ? `---\n${text}` : format.type === 'jsonpath' ? `${text}\n` : text);
  };
  const first = await client.list(info.kind, selected);
  for (const object of options.watchOnly === true ? [] : itemsOf(info, first)) await print(object);
  const { resourceVersion } = first.metadata;
  for await (const event of client.watch(info.kind, {
    ...selected,
    resourceVersion,
    signal: streamSignal(options, cli.signal),
  })) {
    if (event.type !== 'BOOKMARK') await print(event.object);
  }
}
