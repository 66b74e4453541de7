import { isApiError } from '../../api/errors.ts';
import type { KindInfo } from '../../api/kinds.ts';
import type { Table, TableColumn, TableRow } from '../../client/tables.ts';
import type { Cli, Client } from '../cli.ts';
import type { Text } from '../print/shown.ts';
import { tableWithWidths } from '../print/text-table.ts';
import { localTimes } from '../print/when.ts';
import { kindName } from '../targets.ts';
import { type Ask, type Scope, tellFailures } from './ask.ts';
import type { GetOptions } from './options.ts';

export interface Look extends Pick<GetOptions, 'allNamespaces' | 'showLabels' | 'headers' | 'sortBy'> {
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
  const failures: unknown[] = [];
  const showKind = look.showKind === true || asks.length > 1;
  const tables = await Promise.all(
    asks.map(async (ask) => ({ ask, answer: await fetchTable(client, ask, scope, look, failures) })),
  );
  const texts: Text[] = [];
  for (const { ask, answer } of tables) {
    if (answer === undefined || answer.rows.length === 0) continue;
    const rows = look.sortBy === undefined ? answer.rows : await sorted(answer.rows, look.sortBy);
    const body = rows.map((row) => cellsOf(answer.columnDefinitions, row, ask.info, { ...look, showKind }));
    const namespaces = look.allNamespaces === true && ask.info.namespaced;
    const head = headerOf(answer.columnDefinitions, look, namespaces);
    if (texts.length > 0) texts.push('\n');
    const whole = look.headers ? [head, ...body] : body;
    const room = look.headers && cli.terminal.out ? cli.terminal.columns : undefined;
    texts.push(tableWithWidths(whole, { color: cli.terminal.color, room }).text);
  }
  cli.out(texts);
  if (texts.length === 0 && failures.length === 0 && look.ignoreNotFound !== true)
    cli.err(nothingFound(asks, scope));
  tellFailures(failures, cli);
}

export const nothingFound = (asks: readonly Ask[], { namespace }: Scope): string =>
  namespace === undefined || asks.every(({ info }) => !info.namespaced)
    ? 'No resources found\n'
    : `No resources found in ${namespace} namespace.\n`;

async function fetchTable(
  client: Client,
  { info, names }: Ask,
  scope: Scope,
  look: Look,
  failures: unknown[],
): Promise<Table | undefined> {
  const options = {
    ...scope,
    namespace: info.namespaced ? scope.namespace : undefined,
    ...(look.sortBy === undefined ? {} : { includeObject: 'Object' as const }),
  };
  if (names.length === 0) return client.tables.list(info.kind, options);
  let all: Table | undefined;
  for (const name of names) {
    try {
      const one = await client.tables.list(info.kind, { ...options, name });
      all = all === undefined ? one : { ...all, rows: [...all.rows, ...one.rows] };
    } catch (error) {
      if (!(look.ignoreNotFound === true && isApiError(error, 'NotFound'))) failures.push(error);
    }
  }
  return all;
}

async function sorted(rows: readonly TableRow[], path: string): Promise<TableRow[]> {
  const { sortByPath } = await import('../print/jsonpath-output.ts');
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
