import { describe, expect, test } from 'vitest';
import type { ConfigMap, OwnerReference } from '../../src/api/objects.ts';
import { LocalClient } from '../../src/client/local.ts';
import type { DeleteOptions } from '../../src/client/resources.ts';
import { randomIds } from '../../src/platform/ids.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createRegistry } from '../../src/registry/registry.ts';
import { type Harness, harness } from './harness.ts';

const at = (name: string, namespace = 'default') => ({ namespace, name });

interface Made {
  owners?: ConfigMap[];
  finalizers?: string[];
  blocks?: boolean;
  namespace?: string;
}

function make({ client }: Harness, name: string, made: Made = {}): Promise<ConfigMap> {
  const { owners = [], finalizers = [], blocks = false, namespace = 'default' } = made;
  const ownerReferences: OwnerReference[] = owners.map(({ metadata }) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: metadata.name,
    uid: metadata.uid,
    blockOwnerDeletion: blocks,
  }));
  const metadata = { name, namespace, finalizers, ownerReferences };
  return client.create('ConfigMap', { apiVersion: 'v1', kind: 'ConfigMap', metadata });
}

/** The names that are left when all is settled; `*` marks one that waits for its end. */
async function left({ client, registry }: Harness): Promise<string[]> {
  await registry.settled();
  const { items } = await client.list('ConfigMap');
  return items.map(({ metadata }) => metadata.name + (metadata.deletionTimestamp === undefined ? '' : '*'));
}

const remove = ({ client }: Harness, name: string, options: DeleteOptions = {}) =>
  client.delete('ConfigMap', at(name), options);

const release = ({ client }: Harness, name: string, namespace?: string) =>
  client.patch('ConfigMap', at(name, namespace), { type: 'merge', body: { metadata: { finalizers: null } } });

describe('in the background, the default', () => {
  test('dependents go after their owner, and theirs after them', async () => {
    const parts = await harness();
    const owner = await make(parts, 'a');
    const child = await make(parts, 'b', { owners: [owner] });
    await make(parts, 'c', { owners: [child] });
    await make(parts, 'd');
    await remove(parts, 'a');
    expect(await left(parts)).toEqual(['d']);
  });

  test('a dependent with another owner stays, and forgets the one that is gone', async () => {
    const parts = await harness();
    const [one, two] = [await make(parts, 'a'), await make(parts, 'b')];
    await make(parts, 'c', { owners: [one, two] });
    await remove(parts, 'a');
    expect(await left(parts)).toEqual(['b', 'c']);
    const { metadata } = await parts.client.get('ConfigMap', at('c'));
    expect(metadata.ownerReferences?.map(({ name }) => name)).toEqual(['b']);
    await remove(parts, 'b');
    expect(await left(parts)).toEqual([]);
  });

  test('a held owner keeps its dependents until it is released', async () => {
    const parts = await harness();
    const owner = await make(parts, 'a', { finalizers: ['agentctl.dev/stop'] });
    await make(parts, 'b', { owners: [owner] });
    await remove(parts, 'a');
    expect(await left(parts)).toEqual(['a*', 'b']);
    await release(parts, 'a');
    expect(await left(parts)).toEqual([]);
  });

  test('one that is made for an owner that is gone goes at once', async () => {
    const parts = await harness();
    const owner = await make(parts, 'a');
    await remove(parts, 'a');
    await make(parts, 'b', { owners: [owner] });
    expect(await left(parts)).toEqual([]);
  });

  test('one of the same name is not the same owner', async () => {
    const parts = await harness();
    const owner = await make(parts, 'a');
    await make(parts, 'b', { owners: [owner] });
    await remove(parts, 'a');
    await make(parts, 'a');
    expect(await left(parts)).toEqual(['a']);
  });
});

describe('in the foreground', () => {
  test('the owner goes after the dependents that block it', async () => {
    const parts = await harness();
    const owner = await make(parts, 'a');
    await make(parts, 'b', { owners: [owner], finalizers: ['agentctl.dev/stop'], blocks: true });
    await make(parts, 'c', { owners: [owner], blocks: true });
    await remove(parts, 'a', { propagationPolicy: 'Foreground' });
    expect(await left(parts)).toEqual(['a*', 'b*']);
    await release(parts, 'b');
    expect(await left(parts)).toEqual([]);
  });

  test('the owner does not wait for one that does not block', async () => {
    const parts = await harness();
    const owner = await make(parts, 'a');
    await make(parts, 'b', { owners: [owner], finalizers: ['agentctl.dev/stop'] });
    await remove(parts, 'a', { propagationPolicy: 'Foreground' });
    expect(await left(parts)).toEqual(['b*']);
  });

  test('it goes all the way down', async () => {
    const parts = await harness();
    const owner = await make(parts, 'a');
    const child = await make(parts, 'b', { owners: [owner], blocks: true });
    await make(parts, 'c', { owners: [child], blocks: true, finalizers: ['agentctl.dev/stop'] });
    await remove(parts, 'a', { propagationPolicy: 'Foreground' });
    expect(await left(parts)).toEqual(['a*', 'b*', 'c*']);
    await release(parts, 'c');
    expect(await left(parts)).toEqual([]);
  });
});

describe('an owner that keeps its own finalizer', () => {
  test.each(['Foreground', 'Orphan'] as const)(
    'is held by that alone once what follows from the policy %s is done',
    async (propagationPolicy) => {
      const parts = await harness();
      await make(parts, 'a', { finalizers: ['example.com/held'] });
      await remove(parts, 'a', { propagationPolicy });
      expect(await left(parts)).toEqual(['a*']);
      expect((await parts.client.get('ConfigMap', at('a'))).metadata.finalizers).toEqual([
        'example.com/held',
      ]);
    },
  );
});

describe('orphaned', () => {
  test('dependents stay, and forget their owner', async () => {
    const parts = await harness();
    const owner = await make(parts, 'a');
    await make(parts, 'b', { owners: [owner] });
    await remove(parts, 'a', { propagationPolicy: 'Orphan' });
    expect(await left(parts)).toEqual(['b']);
    expect((await parts.client.get('ConfigMap', at('b'))).metadata).not.toHaveProperty('ownerReferences');
  });
});

describe('a namespace', () => {
  const makeNamespace = ({ client }: Harness, name: string) =>
    client.create('Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

  test('is Terminating while something in it is held, takes nothing new, and then goes', async () => {
    const parts = await harness();
    await makeNamespace(parts, 'team');
    await make(parts, 'a', { namespace: 'team' });
    await make(parts, 'b', { namespace: 'team', finalizers: ['agentctl.dev/stop'] });
    const deleted = await parts.client.delete('Namespace', { name: 'team' });
    expect(deleted.status?.phase).toBe('Terminating');
    expect(await left(parts)).toEqual(['b*']);
    await expect(make(parts, 'c', { namespace: 'team' })).rejects.toThrow(
      'configmaps "c" is forbidden: unable to create new content in namespace team because it is being terminated',
    );
    await release(parts, 'b', 'team');
    expect(await left(parts)).toEqual([]);
    await expect(parts.client.get('Namespace', { name: 'team' })).rejects.toThrow(
      'namespaces "team" not found',
    );
    await makeNamespace(parts, 'team');
    await make(parts, 'c', { namespace: 'team' });
  });

  test('carries its name as a label', async () => {
    const parts = await harness();
    const { metadata } = await makeNamespace(parts, 'team');
    expect(metadata.labels).toEqual({ 'kubernetes.io/metadata.name': 'team' });
  });
});

test('a deletion that was cut short is finished at the next start', async () => {
  const parts = await harness();
  const { store, clock, client } = parts;
  const owner = await make(parts, 'a');
  await make(parts, 'b', { owners: [owner] });
  await client.create('Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
  await make(parts, 'c', { namespace: 'team' });
  // As if the process had ended between the deletion and what follows from it.
  const row = await store.get('/core/configmaps/default/a');
  await store.delete('/core/configmaps/default/a', row?.modRevision ?? 0);
  const namespace = await store.get('/core/namespaces/team');
  const dying = JSON.parse(namespace?.value ?? '');
  dying.metadata.deletionTimestamp = '2026-03-01T12:00:00Z';
  await store.put('/core/namespaces/team', JSON.stringify(dying), namespace?.modRevision ?? 0);
  const registry = await createRegistry({ store, clock, ids: randomIds, log: silentLog });
  await registry.settled();
  const next = new LocalClient(registry, 'test');
  expect((await next.list('ConfigMap')).items).toEqual([]);
  expect((await next.list('Namespace')).items.map(({ metadata }) => metadata.name)).toEqual(['default']);
});

/** A registry over a store that deletes nothing but `a` while it is full. */
async function onFullDisk() {
  const { store, clock } = await harness();
  const disk = { full: true };
  const failing = new Proxy(store, {
    get: (object, name) => {
      const value: unknown = Reflect.get(object, name, object);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) =>
        disk.full && name === 'delete' && args[0] !== '/core/configmaps/default/a'
          ? Promise.reject(new Error('The disk is full'))
          : value.apply(object, args);
    },
  });
  const registry = await createRegistry({ store: failing, clock, ids: randomIds, log: silentLog });
  const parts = { client: new LocalClient(registry, 'test'), registry } as Harness; // all that is used here
  const owner = await make(parts, 'a');
  await make(parts, 'b', { owners: [owner] });
  await make(parts, 'c', { owners: [owner] });
  await remove(parts, 'a');
  expect(await left(parts)).toEqual(['b', 'c']);
  return { clock, disk, parts };
}

test('what failed, as on a full disk, is done by time, without another change', async () => {
  const { clock, disk, parts } = await onFullDisk();
  clock.advance(1_000);
  expect(await left(parts)).toEqual(['b', 'c']);
  disk.full = false;
  clock.advance(2_000);
  expect(await left(parts)).toEqual([]);
});

test('nothing is tried again once the registry is closed', async () => {
  const { clock, disk, parts } = await onFullDisk();
  parts.registry.close();
  disk.full = false;
  clock.advance(60_000);
  expect(await left(parts)).toEqual(['b', 'c']);
});
