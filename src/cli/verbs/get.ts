import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { isApiError } from '../../api/errors.ts';
import type { AnyObject } from '../../api/objects.ts';
import { itemsOf, type TableRow } from '../../client/resources.ts';
import { type Ask, FollowedTable, type Scope } from '../../views/fleet-view.ts';
import type { Cli, Client } from '../cli.ts';
import { CliError, failureText, UsageError } from '../failure.ts';
import { examples, streamSignal } from '../flags.ts';
import {
  cellsOf,
  type GetOptions,
  getTables,
  group,
  headerOf,
  printFailures,
  scopeOf,
  withGetFlags,
} from '../get-tables.ts';
import { type Format, formatObjects, parseFormat, withoutManagedFields } from '../print/output-format.ts';
import { tableWithWidths } from '../print/text-table.ts';
import { parseTargets, refuseBare } from '../targets.ts';

export function define(command: Command, cli: Cli): void {
  withGetFlags(
    command.argument('[kind...]', 'such as agents, agent web, agent/web; agents,policies; all'),
  ).action((words: string[], options: GetOptions) => get(words, options, cli));
  examples(
    command,
    ['All agents and their state', 'agentctl get agents'],
    ['One agent as YAML', 'agentctl get agent web -o yaml'],
    ['Watch the instances of one agent', 'agentctl get instances -l agentctl.dev/agent=web -w'],
    ['One field', "agentctl get agent/web -o jsonpath='{.status.phase}'"],
    [
      'Your own columns',
      'agentctl get agents -A -o custom-columns=NAME:.metadata.name,IMAGE:.spec.template.image',
    ],
  );
}

export async function get(words: readonly string[], options: GetOptions, cli: Cli): Promise<void> {
  const format = parseFormat(options.output, readText);
  await refuseBare(words, options, cli);
  const asks = group(parseTargets(words));
  const scope = scopeOf(options, cli);
  if (
    asks.some(({ names }) => names.length > 0) &&
    (scope.labelSelector ?? scope.fieldSelector) !== undefined
  ) {
    throw new UsageError('a name and a selector cannot be combined; omit one of them');
  }
  if (options.allNamespaces === true && asks.some(({ info, names }) => names.length > 0 && info.namespaced)) {
    throw new UsageError('a name cannot be combined with --all-namespaces; omit one of them');
  }
  const client = await cli.connect(options);
  if (options.watch === true || options.watchOnly === true)
    return watch(client, asks, scope, format, options, cli);
  if (format.type === 'table') return getTables(client, asks, scope, { ...options, wide: format.wide }, cli);
  await getObjects(client, asks, scope, format, options, cli);
}

async function getObjects(
  client: Client,
  asks: readonly Ask[],
  scope: Scope,
  format: Exclude<Format, { type: 'table' }>,
  options: GetOptions,
  cli: Cli,
): Promise<void> {
  const { objects, failures } = await fetchObjects(client, asks, scope, options);
  const shown = options.showManagedFields === true ? objects : objects.map(withoutManagedFields);
  if (options.sortBy !== undefined) {
    const { sortByPath } = await import('../print/jsonpath-output.ts');
    sortByPath(shown, options.sortBy, (object) => object);
  }
  const single = asks.length === 1 && asks[0]?.names.length === 1;
  if (!(single && shown.length === 0)) cli.out(await formatObjects(format, shown, single, options.headers));
  printFailures(failures, cli);
}

async function fetchObjects(client: Client, asks: readonly Ask[], scope: Scope, options: GetOptions) {
  const objects: AnyObject[] = [];
  const failures: unknown[] = [];
  for (const { info, names } of asks) {
    if (names.length === 0) {
      const list = await client.list(info.kind, info.namespaced ? scope : { ...scope, namespace: undefined });
      objects.push(...itemsOf(info, list));
    }
    for (const name of names) {
      try {
        objects.push(await client.get(info.kind, { namespace: scope.namespace, name }));
      } catch (error) {
        if (!(options.ignoreNotFound === true && isApiError(error, 'NotFound'))) failures.push(error);
      }
    }
  }
  return { objects, failures };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new CliError(`${file} cannot be read: ${failureText(cause)}`, { cause });
  }
}

/** Prints the current objects, then a line for each change, until Ctrl-C. */
async function watch(
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
