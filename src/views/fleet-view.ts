import { isApiError } from '../api/errors.ts';
import type { KindInfo } from '../api/kinds.ts';
import { keyText } from '../api/objects.ts';
import type { Table, TableColumn, TableEvent, TableRow, Tables } from '../client/server-tables.ts';

/** A request for objects of one kind: with these names, or all if there are no names. */
export interface Ask {
  info: KindInfo;
  names: readonly string[];
}

/** Where to look. Without a namespace: in all namespaces. */
export interface Scope {
  namespace?: string | undefined;
  labelSelector?: string;
  fieldSelector?: string;
}

/** Objects of several kinds in tables, with the columns of the server. */
export interface FleetView {
  /** In the order in which they were asked for, without empty ones. */
  tables: readonly KindTable[];
  /** Why objects that were named could not be read. */
  failures: readonly unknown[];
}

/** The objects of one kind, one row each. */
interface KindTable {
  info: KindInfo;
  columns: readonly TableColumn[];
  rows: readonly TableRow[];
}

/** A KindTable that `take` keeps current. */
export class FollowedTable implements KindTable {
  readonly info: KindInfo;
  readonly columns: readonly TableColumn[];
  readonly #rows = new Map<string, TableRow>();

  constructor(info: KindInfo, { columnDefinitions, rows }: Table) {
    this.info = info;
    this.columns = columnDefinitions;
    for (const row of rows) this.#rows.set(rowKey(row), row);
  }

  get rows(): TableRow[] {
    return [...this.#rows.values()];
  }

  /** Returns the rows that are new or changed; of a deleted object its last one. */
  take({ type, object: { rows } }: TableEvent): readonly TableRow[] {
    if (type === 'BOOKMARK') return [];
    for (const row of rows) {
      if (type === 'DELETED') this.#rows.delete(rowKey(row));
      else this.#rows.set(rowKey(row), row);
    }
    return rows;
  }
}

/** Names are unique in a table, whatever the server sends with a row. */
const rowKey = ({ object, cells: [name] }: TableRow): string =>
  object === undefined ? String(name) : keyText(object.metadata);

const tableOf = (info: KindInfo, { columnDefinitions, rows }: Table): KindTable => ({
  info,
  columns: columnDefinitions,
  rows,
});

interface FleetOptions {
  /** Each row has its whole object. */
  withObjects: boolean;
  /** An object that was named and does not exist is no failure. */
  ignoreNotFound: boolean;
}

export async function readFleet(
  tables: Pick<Tables, 'list'>,
  asks: readonly Ask[],
  scope: Scope,
  { withObjects, ignoreNotFound }: FleetOptions,
): Promise<FleetView> {
  const failures: unknown[] = [];
  const read = async ({ info, names }: Ask): Promise<KindTable | undefined> => {
    const options = {
      ...scope,
      namespace: info.namespaced ? scope.namespace : undefined,
      ...(withObjects && { includeObject: 'Object' as const }),
    };
    if (names.length === 0) return tableOf(info, await tables.list(info.kind, options));
    const found: Table[] = [];
    for (const name of names) {
      try {
        found.push(await tables.list(info.kind, { ...options, name }));
      } catch (error) {
        if (!(ignoreNotFound && isApiError(error, 'NotFound'))) failures.push(error);
      }
    }
    const [first] = found;
    return first && tableOf(info, { ...first, rows: found.flatMap(({ rows }) => rows) });
  };
  const all = await Promise.all(asks.map(read));
  return {
    tables: all.flatMap((table) => (table === undefined || table.rows.length === 0 ? [] : [table])),
    failures,
  };
}
