import type { Command } from 'commander';
import type { KindInfo } from '../api/kinds.ts';
import type { TableColumn, TableRow } from '../client/resources.ts';
import { type Ask, readFleet, type Scope } from '../views/fleet-view.ts';
import type { Cli, Client, GlobalOptions } from './cli.ts';
import { describeFailure, exitCode } from './failure.ts';
import { namespaceOf } from './flags.ts';
import { localTimes, type Text } from './print/shown.ts';
import { tableWithWidths } from './print/text-table.ts';
import { kindName, type Target } from './targets.ts';

interface Look extends Pick<GetOptions, 'allNamespaces' | 'showLabels' | 'headers' | 'sortBy'> {
  wide: boolean;
  showKind?: boolean;
  ignoreNotFound?: boolean;
}

/** Prints the server's table of each kind, with columns as in kubectl. */
export async function getTables(
  client: Client,
  asks: readonly Ask[],
  scope: Scope,
  look: Look,
  cli: Cli,
): Promise<void> {
  const { tables, failures } = await readFleet(client.tables, asks, scope, {
    withObjects: look.sortBy !== undefined,
    ignoreNotFound: look.ignoreNotFound === true,
  });
  const texts: Text[] = [];
  for (const { info, columns, rows } of tables) {
    const ordered = look.sortBy === undefined ? rows : await sorted(rows, look.sortBy);
    const showKind = look.showKind === true || asks.length > 1;
    const body = ordered.map((row) => cellsOf(columns, row, info, { ...look, showKind }));
    const head = headerOf(columns, look, look.allNamespaces === true && info.namespaced);
    if (texts.length > 0) texts.push('\n');
    const whole = look.headers ? [head, ...body] : body;
    const room = look.headers && cli.terminal.out ? cli.terminal.columns : undefined;
    texts.push(tableWithWidths(whole, { color: cli.terminal.color, room }).text);
  }
  cli.out(texts);
  if (texts.length === 0 && failures.length === 0 && look.ignoreNotFound !== true)
    cli.err(nothingFound(asks, scope));
  printFailures(failures, cli);
}

export const nothingFound = (asks: readonly Ask[], { namespace }: Scope): string =>
  namespace === undefined || asks.every(({ info }) => !info.namespaced)
    ? 'No resources found\n'
    : `No resources found in ${namespace} namespace.\n`;

async function sorted(rows: readonly TableRow[], path: string): Promise<TableRow[]> {
  const { sortByPath } = await import('./print/jsonpath-output.ts');
  const copy = [...rows];
  sortByPath(copy, path, (row) => row.object ?? {});
  return copy;
}

const isShown = (column: TableColumn, look: Pick<Look, 'wide'>): boolean =>
  look.wide || column.priority === 0;

export function headerOf(columns: readonly TableColumn[], look: Look, namespaces: boolean): string[] {
  const names = columns.filter((column) => isShown(column, look)).map(({ name }) => name.toUpperCase());
  return [...(namespaces ? ['NAMESPACE'] : []), ...names, ...(look.showLabels === true ? ['LABELS'] : [])];
}

export function cellsOf(
  columns: readonly TableColumn[],
  row: TableRow,
  info: KindInfo,
  look: Look,
): string[] {
  const metadata = row.object?.metadata;
  const cells = row.cells.flatMap((cell, index) => {
    const column = columns[index];
    if (column === undefined || !isShown(column, look)) return [];
    const text = cell === null ? '' : localTimes(String(cell));
    return [column.format === 'name' && look.showKind === true ? `${kindName(info)}/${text}` : text];
  });
  const labels = Object.entries(metadata?.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return [
    ...(look.allNamespaces === true && info.namespaced ? [metadata?.namespace ?? ''] : []),
    ...cells,
    ...(look.showLabels === true ? [labels.length === 0 ? '<none>' : labels.sort().join(',')] : []),
  ];
}

/** Prints failures after the objects that could be read. */
export function printFailures(failures: readonly unknown[], cli: Cli): void {
  const [first, ...rest] = failures;
  if (first === undefined) return;
  const unreachable = failures.find((error) => describeFailure(error).exitCode === exitCode.unreachable);
  if (unreachable !== undefined) throw unreachable;
  if (rest.length === 0) throw first;
  for (const error of failures) cli.err(`${describeFailure(error).text}\n`);
  cli.exitCode = exitCode.failed;
}

export function scopeOf(
  options: Pick<GetOptions, 'namespace' | 'allNamespaces' | 'selector' | 'fieldSelector'>,
  cli: Cli,
): Scope {
  return {
    ...(options.allNamespaces === true ? {} : { namespace: namespaceOf(options, cli.environment) }),
    ...(options.selector === undefined ? {} : { labelSelector: options.selector }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
  };
}

/** Groups names by kind, in the order of the kinds. */
export function group(targets: readonly Target[]): Ask[] {
  const asks = new Map<KindInfo, string[]>();
  for (const { info, name } of targets) {
    const names = asks.get(info) ?? [];
    asks.set(info, name === undefined ? names : [...names, name]);
  }
  return [...asks].map(([info, names]) => ({ info, names }));
}

/** Adds the flags of all verbs that list objects. */
export const withGetFlags = (command: Command): Command =>
  command
    .option('-o, --output <format>', 'json, yaml, name, wide, jsonpath=..., custom-columns=...')
    .option('-w, --watch', 'keep watching for changes')
    .option('--watch-only', 'show only changes, not the current objects')
    .option('-l, --selector <labels>', 'only objects with these labels, such as app=web,tier!=test')
    .option('--field-selector <fields>', 'only objects with these fields, such as metadata.name=web')
    .option('-A, --all-namespaces', 'in all namespaces')
    .option('--sort-by <path>', 'sort by a field, such as .metadata.creationTimestamp')
    .option('--no-headers', 'print no header line')
    .option('--show-labels', 'show the labels in a column')
    .option('--show-kind', 'print names as kind/name')
    .option('--show-managed-fields', 'include metadata.managedFields in json and yaml')
    .option('--ignore-not-found', 'print nothing and succeed if an object does not exist');

export interface GetOptions extends GlobalOptions {
  output?: string;
  watch?: boolean;
  watchOnly?: boolean;
  selector?: string;
  fieldSelector?: string;
  allNamespaces?: boolean;
  sortBy?: string;
  /** False with --no-headers. */
  headers: boolean;
  showLabels?: boolean;
  showKind?: boolean;
  showManagedFields?: boolean;
  ignoreNotFound?: boolean;
}
