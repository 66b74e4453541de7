import { describe, expect, test, vi } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { type Harness, harness } from './harness.ts';

/** Many ConfigMaps in two namespaces, `a` to `y` in each. */
async function crowd(): Promise<Harness> {
  const parts = await harness();
  const { client } = parts;
  await client.create('Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } });
  const names = Array.from({ length: 25 }, (_, at) => String.fromCharCode(97 + at));
  for (const namespace of ['default', 'other']) {
    for (const name of names)
      await client.create('ConfigMap', {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace },
      });
  }
  return parts;
}

/** How many rows the store gives out from now on. */
function countRows(store: Store): { rows: number } {
  const counted = { rows: 0 };
  const list = store.list.bind(store);
  vi.spyOn(store, 'list').mockImplementation(async (...given) => {
    const found = await list(...given);
    counted.rows += found.rows.length;
    return found;
  });
  return counted;
}

const namesOf = ({ items }: { items: { metadata: { name: string } }[] }): string[] =>
  items.map(({ metadata }) => metadata.name);

describe('a list by metadata.name', () => {
  test('reads the row of that object alone', async () => {
    const { client, store } = await crowd();
    const counted = countRows(store);
    const found = await client.list('ConfigMap', { namespace: 'default', fieldSelector: 'metadata.name=c' });
    expect(namesOf(found)).toEqual(['c']);
    expect(found.metadata.resourceVersion).toBe(String(store.revision()));
    const all = { fieldSelector: 'metadata.namespace=other,metadata.name=c' };
    expect(namesOf(await client.list('ConfigMap', all))).toEqual(['c']);
    expect(namesOf(await client.list('Namespace', { fieldSelector: 'metadata.name=other' }))).toEqual([
      'other',
    ]);
    expect(counted.rows).toBe(3);
  });

  test('answers as any other selector would', async () => {
    const { client, store } = await crowd();
    const by = async (fieldSelector: string, more: object = {}) =>
      namesOf(await client.list('ConfigMap', { namespace: 'default', fieldSelector, ...more }));
    expect(await by('metadata.name=missing')).toEqual([]);
    expect(await by('metadata.name=a,metadata.name=b')).toEqual([]);
    expect(await by('metadata.name=a,metadata.namespace=other')).toEqual([]);
    expect(await by('metadata.name=a', { labelSelector: 'x=y' })).toEqual([]);
    expect(await by('metadata.name=a', { limit: 1 })).toEqual(['a']);
    const then = String(store.revision());
    await client.delete('ConfigMap', { namespace: 'default', name: 'a' });
    expect(await by('metadata.name=a')).toEqual([]);
    expect(await by('metadata.name=a', { resourceVersion: then, resourceVersionMatch: 'Exact' })).toEqual([
      'a',
    ]);
    expect(namesOf(await client.list('ConfigMap', { fieldSelector: 'metadata.name=b' }))).toEqual(['b', 'b']);
  });
});

test('a list by metadata.namespace reads the rows of that namespace alone', async () => {
  const { client, store } = await crowd();
  const counted = countRows(store);
  await client.list('ConfigMap', { fieldSelector: 'metadata.namespace=other' });
  expect(counted.rows).toBe(25);
});
