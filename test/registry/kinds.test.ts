import { describe, expect, test } from 'vitest';
import type { New, Revision, Secret } from '../../src/api/objects.ts';
import { randomIds } from '../../src/platform/ids.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createRegistry } from '../../src/registry/registry.ts';
import { harness } from './harness.ts';

const key = { namespace: 'default', name: 'a' };
const metadata = { name: 'a' };
const secret = (rest: Omit<Partial<New<Secret>>, 'metadata'>): New<Secret> => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata,
  ...rest,
});

describe('a Secret', () => {
  test('keeps stringData as data, in base64', async () => {
    const { client } = await harness();
    const made = await client.create(
      'Secret',
      secret({ data: { old: 'b2xk', a: 'eA==' }, stringData: { a: 'ü' } }),
    );
    expect(made).not.toHaveProperty('stringData');
    expect(made).toMatchObject({ type: 'Opaque', data: { old: 'b2xk', a: 'w7w=' } });
  });

  test('of an applied stringData has its data owned, and forgets a key that is left out', async () => {
    const { client } = await harness();
    const apply = (stringData: Record<string, string>) =>
      client.patch('Secret', key, { type: 'apply', body: secret({ stringData }) });
    await apply({ a: '1', b: '2' });
    const less = await apply({ a: '1' });
    expect(less.data).toEqual({ a: 'MQ==' });
    expect(less.metadata.managedFields?.[0]?.fieldsV1).toEqual({ 'f:data': { 'f:a': {} } });
  });

  test('that is immutable keeps its data, and may be deleted', async () => {
    const { client } = await harness();
    await client.create('Secret', secret({ immutable: true, data: { a: 'eA==' } }));
    for (const body of [{ data: { a: 'eQ==' } }, { immutable: false }]) {
      await expect(client.patch('Secret', key, { type: 'merge', body })).rejects.toThrow('is invalid');
    }
    const labelled = { metadata: { labels: { x: 'y' } } };
    await client.patch('Secret', key, { type: 'merge', body: labelled });
    await client.delete('Secret', key);
  });

  test('has no generation, as in Kubernetes', async () => {
    const { client } = await harness();
    expect((await client.create('Secret', secret({}))).metadata).not.toHaveProperty('generation');
  });
});

describe('a Revision', () => {
  const revision: New<Revision> = {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Revision',
    metadata,
    revision: 1,
    data: { template: { command: ['x'], odd: { field: [null, 1] } } },
  };

  test('keeps its data as it is, whatever stands in it', async () => {
    const { client } = await harness();
    expect((await client.create('Revision', revision)).data).toEqual(revision.data);
  });

  test('is never changed', async () => {
    const { client } = await harness();
    await client.create('Revision', revision);
    const body = { data: { more: true } };
    await expect(client.patch('Revision', key, { type: 'merge', body })).rejects.toThrow('is invalid');
  });
});

describe('any object', () => {
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata } as const;

  test('keeps what the server set, whatever an update says', async () => {
    const { client } = await harness();
    const made = await client.create('ConfigMap', configMap);
    const forged = {
      creationTimestamp: '2001-01-01T00:00:00Z',
      generation: 7,
      deletionTimestamp: '2001-01-01T00:00:00Z',
    };
    const body = { metadata: forged, data: { a: '1' } };
    const changed = await client.patch('ConfigMap', key, { type: 'merge', body });
    expect(changed.metadata).toMatchObject({
      uid: made.metadata.uid,
      creationTimestamp: '2026-03-01T12:00:00Z',
    });
    expect(changed.metadata).not.toHaveProperty('generation');
    expect(changed.metadata).not.toHaveProperty('deletionTimestamp');
  });

  test.each([
    ['another name', { metadata: { name: 'b' } }],
    ['another namespace', { metadata: { namespace: 'other' } }],
    ['another kind', { kind: 'Secret' }],
    ['another version', { apiVersion: 'v2' }],
  ])('cannot be patched to %s', async (_what, body) => {
    const { client } = await harness();
    await client.create('ConfigMap', configMap);
    await expect(client.patch('ConfigMap', key, { type: 'merge', body })).rejects.toThrow('does not match');
  });

  test('cannot be patched to another uid', async () => {
    const { client } = await harness();
    await client.create('ConfigMap', configMap);
    const body = { metadata: { uid: 'other' } };
    await expect(client.patch('ConfigMap', key, { type: 'merge', body })).rejects.toThrow(
      'Precondition failed: UID',
    );
  });

  test('tells of a field that it does not know, with the nearest name', async () => {
    const { registry } = await harness();
    const warnings: string[] = [];
    const body = { ...configMap, datta: { a: '1' } };
    await registry.create('ConfigMap', {}, body, { warn: (warning) => warnings.push(warning) });
    expect(warnings).toEqual(['unknown field "datta" (did you mean data?)']);
    const policy = { apiVersion: 'agentctl.dev/v1', kind: 'Policy', metadata: { name: 'calm' } };
    const spec = { restart: { true: 'Never' } }; // what kubectl makes of a bare on
    await registry.create('Policy', {}, { ...policy, spec }, { warn: (warning) => warnings.push(warning) });
    expect(warnings[1]).toBe('unknown field "spec.restart.true" (did you mean "on", in quotes?)');
  });

  test('that an older version wrote gets the defaults of now at the start, and is else as it was', async () => {
    const { client, store, clock } = await harness();
    const spec = { template: { command: ['x'] } };
    const made = await client.create('Agent', {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Agent',
      metadata,
      spec,
    });
    const path = '/agentctl.dev/agents/default/a';
    const old = { ...made, spec: { ...spec, fromTomorrow: true } };
    const row = await store.get(path);
    await store.put(path, JSON.stringify(old), row?.modRevision ?? 0);
    const registry = await createRegistry({ store, clock, ids: randomIds, log: silentLog });
    const now = await registry.get('Agent', key);
    expect(now.spec).toEqual({ ...made.spec, fromTomorrow: true });
    expect(now.metadata).toMatchObject({ uid: made.metadata.uid, generation: 1 });
    const { resourceVersion } = now.metadata;
    const again = await createRegistry({ store, clock, ids: randomIds, log: silentLog });
    expect((await again.get('Agent', key)).metadata.resourceVersion).toBe(resourceVersion);
  });

  test('has no subresource that its kind does not have', async () => {
    const { client } = await harness();
    await client.create('ConfigMap', configMap);
    const patch = { type: 'merge', body: {} } as const;
    for (const subresource of ['status', 'scale'] as const) {
      await expect(client.patch('ConfigMap', key, patch, { subresource })).rejects.toThrow(
        'could not find the requested resource',
      );
    }
  });
});
