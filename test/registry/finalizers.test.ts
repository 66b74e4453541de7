import { expect, onTestFinished, test } from 'vitest';
import { LocalClient } from '../../src/client/local.ts';
import { randomIds } from '../../src/platform/ids.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createRegistry } from '../../src/registry/registry.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { ManualClock } from '../fakes/clock.ts';

const held = 'example.com/held';
const key = { namespace: 'default', name: 'one' };
const body = (finalizers?: string[]) => ({
  apiVersion: 'agentctl.dev/v1' as const,
  kind: 'Agent' as const,
  metadata: { ...key, ...(finalizers === undefined ? {} : { finalizers }) },
  spec: { template: { command: ['true'] } },
});

async function client(): Promise<LocalClient> {
  const store = openStore(':memory:', { log: silentLog });
  onTestFinished(() => store.close());
  const clock = new ManualClock('2026-03-01T12:00:00Z');
  const parts = { store, clock, ids: randomIds, log: silentLog, finalizers: { Agent: held } };
  return new LocalClient(await createRegistry(parts), 'test');
}

test('a new object has the finalizer of its kind, beside its own, and nobody owns it', async () => {
  const resources = await client();
  const { metadata } = await resources.create('Agent', body(['example.com/other']));
  expect(metadata.finalizers).toEqual(['example.com/other', held]);
  expect(JSON.stringify(metadata.managedFields)).not.toContain(held);
});

test('so has one that an apply makes; the next apply, which names none, leaves it', async () => {
  const resources = await client();
  const apply = () => resources.patch('Agent', key, { type: 'apply', body: body() });
  const first = await apply();
  expect(first.metadata.finalizers).toEqual([held]);
  expect((await apply()).metadata).toEqual(first.metadata);
});

test('another kind has none', async () => {
  const resources = await client();
  const map = await resources.create('ConfigMap', { apiVersion: 'v1', kind: 'ConfigMap', metadata: key });
  expect(map.metadata.finalizers).toBeUndefined();
});

test('a write that takes it away is done', async () => {
  const resources = await client();
  await resources.create('Agent', body());
  const patch = { type: 'merge', body: { metadata: { finalizers: null } } } as const;
  expect((await resources.patch('Agent', key, patch)).metadata.finalizers).toBeUndefined();
  await resources.delete('Agent', key);
  await expect(resources.get('Agent', key)).rejects.toMatchObject({ code: 'NotFound' });
});

test('it holds the object from the beginning', async () => {
  const resources = await client();
  await resources.create('Agent', body());
  await resources.delete('Agent', key);
  expect((await resources.get('Agent', key)).metadata.deletionTimestamp).toBeDefined();
});
