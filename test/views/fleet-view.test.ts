import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import { kindInfo } from '../../src/api/kinds.ts';
import type { Table, TableEvent, TableRow, Tables } from '../../src/client/resources.ts';
import { FollowedTable, readFleet } from '../../src/views/fleet-view.ts';
import { metaOf } from './objects.ts';

const info = kindInfo('Agent');
const column = { name: 'Name', type: 'string' as const, format: 'name', description: '', priority: 0 };
const row = (name: string, phase = 'Ready'): TableRow => ({
  cells: [name, phase],
  object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: metaOf(name) },
});
const tableOf = (...rows: TableRow[]): Table => ({
  kind: 'Table',
  apiVersion: 'meta.k8s.io/v1',
  metadata: {},
  columnDefinitions: [column],
  rows,
});

describe('what get shows', () => {
  const asked: unknown[] = [];
  const tables: Pick<Tables, 'list'> = {
    async list(kind, options = {}) {
      asked.push({ kind, ...options });
      if (options.name === 'gone') throw new ApiError('NotFound', 'agent gone not found');
      if (options.name !== undefined) return tableOf(row(options.name));
      return kind === 'Policy' ? tableOf() : tableOf(row('a'), row('b'));
    },
  };
  const names = ({ rows }: { rows: readonly TableRow[] }) => rows.map(({ cells }) => cells[0]);

  test('is one table for each kind, in the order of the request, without empty ones', async () => {
    asked.length = 0;
    const asks = (['Policy', 'Runtime', 'Agent'] as const).map((kind) => ({
      info: kindInfo(kind),
      names: [],
    }));
    const how = { withObjects: false, ignoreNotFound: false };
    const view = await readFleet(tables, asks, { namespace: 'default' }, how);
    expect(view.tables.map((table) => table.info.kind)).toEqual(['Runtime', 'Agent']);
    expect(asked).toEqual([
      { kind: 'Policy', namespace: 'default' },
      { kind: 'Runtime', namespace: undefined },
      { kind: 'Agent', namespace: 'default' },
    ]);
  });

  test('has the objects that could be read, and why others could not', async () => {
    const asks = [{ info, names: ['a', 'gone', 'b', 'a'] }];
    const how = { withObjects: true, ignoreNotFound: false };
    const {
      tables: [table],
      failures,
    } = await readFleet(tables, asks, {}, how);
    expect(table && names(table)).toEqual(['a', 'b', 'a']);
    expect(failures).toEqual([expect.objectContaining({ code: 'NotFound' })]);
    expect((await readFleet(tables, asks, {}, { ...how, ignoreNotFound: true })).failures).toEqual([]);
  });
});

test('fed by changes one by one, a table is the one of the list', () => {
  const change = fc.record({
    type: fc.constantFrom<TableEvent['type']>('ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'),
    name: fc.constantFrom('a', 'b', 'c'),
    phase: fc.constantFrom('Ready', 'Failed'),
  });
  const before = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'));
  fc.assert(
    fc.property(before, fc.array(change), (first, changes) => {
      const table = new FollowedTable(info, tableOf(...first.map((name) => row(name))));
      const listed = new Map(first.map((name) => [name, row(name)]));
      for (const { type, name, phase } of changes) {
        const told = table.take({
          type,
          object: tableOf(...(type === 'BOOKMARK' ? [] : [row(name, phase)])),
        });
        expect(told.length).toBe(type === 'BOOKMARK' ? 0 : 1);
        if (type === 'DELETED') listed.delete(name);
        else if (type !== 'BOOKMARK') listed.set(name, row(name, phase));
      }
      const sorted = (rows: Iterable<TableRow>) =>
        [...rows].sort((a, b) => (`${a.cells}` < `${b.cells}` ? -1 : 1));
      expect(sorted(table.rows)).toEqual(sorted(listed.values()));
    }),
  );
});
