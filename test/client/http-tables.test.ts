import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Table } from '../../src/client/resources.ts';
import { agent, type Running, run } from '../server/support.ts';

let api: Running;
beforeEach(async () => {
  api = await run();
  await api.client.create('Agent', agent('a'));
  await api.client.create('Agent', agent('b'));
});
afterEach(() => api.end());

const names = ({ columnDefinitions, rows }: Table): unknown[] => {
  const column = columnDefinitions.findIndex(({ format }) => format === 'name');
  return rows.map(({ cells }) => cells[column]);
};

test('a list is a Table, with where it goes on', async () => {
  const all = await api.client.tables.list('Agent', { namespace: 'default' });
  expect(names(all)).toEqual(['a', 'b']);
  const first = await api.client.tables.list('Agent', { limit: 1 });
  expect(names(first)).toEqual(['a']);
  expect(names(await api.client.tables.list('Agent', { continue: first.metadata.continue }))).toEqual(['b']);
});

test('one object is a Table of one row', async () => {
  const one = await api.client.tables.list('Agent', {
    namespace: 'default',
    name: 'b',
    includeObject: 'Object',
  });
  expect(names(one)).toEqual(['b']);
  expect(one.rows[0]?.object).toMatchObject({ kind: 'Agent', spec: { replicas: 1 } });
  const nobody = api.client.tables.list('Agent', { namespace: 'default', name: 'nobody' });
  await expect(nobody).rejects.toMatchObject({ code: 'NotFound' });
});

test('a watch goes on where a Table ended', async () => {
  const { metadata } = await api.client.tables.list('Agent');
  const controller = new AbortController();
  const { resourceVersion } = metadata;
  const events = api.client.tables.watch('Agent', { resourceVersion, signal: controller.signal });
  await api.client.delete('Agent', { namespace: 'default', name: 'a' });
  for await (const { type, object } of events) {
    expect([type, names(object)]).toEqual(['DELETED', ['a']]);
    break;
  }
});
