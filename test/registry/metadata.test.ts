import { describe, expect, test } from 'vitest';
import type { AnyResource } from '../../src/registry/object.ts';
import { harness } from './harness.ts';

const key = { namespace: 'default', name: 'a' };
const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: 'owner-uid' };

/** What only the server sets, as a client may make it up. */
const forged = {
  uid: '',
  resourceVersion: '',
  generation: 7,
  creationTimestamp: '2001-01-01T00:00:00Z',
  deletionTimestamp: '2001-01-01T00:00:00Z',
  deletionGracePeriodSeconds: 30,
  selfLink: '/a',
};
const own = {
  labels: { a: '1' },
  annotations: { b: '2' },
  finalizers: ['example.com/held'],
};
const configMap = (metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { ...key, ...metadata },
});
const agent = (more: object = {}, metadata: object = {}) => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Agent',
  metadata: { ...key, ...metadata },
  spec: { template: { command: ['x'] } },
  ...more,
});

/** Its metadata without the field owners. */
const metadataOf = ({ metadata: { managedFields: _, ...metadata } }: AnyResource) => metadata;

describe('the metadata of a new object', () => {
  test('is the client’s where it may say so, and the server’s else', async () => {
    const { registry } = await harness();
    const made = await registry.create('ConfigMap', {}, configMap({ ...forged, ...own }));
    expect(metadataOf(made)).toEqual({
      ...key,
      ...own,
      uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      resourceVersion: expect.stringMatching(/^[0-9]+$/),
      creationTimestamp: '2026-03-01T12:00:00Z',
    });
  });

  test('has nothing that nobody said', async () => {
    const { registry } = await harness();
    const made = await registry.create('ConfigMap', {}, configMap());
    expect(Object.keys(metadataOf(made)).sort()).toEqual([
      'creationTimestamp',
      'name',
      'namespace',
      'resourceVersion',
      'uid',
    ]);
  });

  test('keeps its owners, and the prefix that its name was made of', async () => {
    const { registry } = await harness();
    const other = await registry.create('ConfigMap', {}, configMap({ name: 'owner' }));
    const ownerReferences = [{ ...owner, uid: other.metadata.uid }];
    const body = configMap({ name: undefined, generateName: 'job-', ownerReferences });
    const made = await registry.create('ConfigMap', {}, body);
    expect(made.metadata).toMatchObject({ generateName: 'job-', ownerReferences });
    const changed = await registry.update(
      'ConfigMap',
      { ...key, name: made.metadata.name },
      {
        ...configMap({ name: made.metadata.name, ownerReferences }),
        data: { a: '1' },
      },
    );
    expect(changed.metadata).toMatchObject({ generateName: 'job-', ownerReferences });
  });

  test('has a generation where its kind is not of the core group', async () => {
    const { registry } = await harness();
    expect((await registry.create('Agent', {}, agent())).metadata.generation).toBe(1);
    expect((await registry.create('ConfigMap', {}, configMap())).metadata).not.toHaveProperty('generation');
  });

  test('is refused with a resourceVersion', async () => {
    const { registry } = await harness();
    await expect(registry.create('ConfigMap', {}, configMap({ resourceVersion: '1' }))).rejects.toMatchObject(
      {
        code: 'BadRequest',
        message: 'resourceVersion should not be set on objects to be created',
      },
    );
  });

  test('made by an apply is the same', async () => {
    const { registry } = await harness();
    const body = configMap({ ...own, generation: 7, creationTimestamp: '2001-01-01T00:00:00Z' });
    const made = await registry.patch('ConfigMap', key, { type: 'apply', body }, { fieldManager: 'me' });
    expect(metadataOf(made)).toEqual({
      ...key,
      ...own,
      uid: expect.any(String),
      resourceVersion: expect.any(String),
      creationTimestamp: '2026-03-01T12:00:00Z',
    });
  });
});

describe('the metadata of an object that is updated', () => {
  test('loses what the update leaves out, and keeps what the server set', async () => {
    const { registry, clock } = await harness();
    const made = await registry.create('ConfigMap', {}, configMap(own));
    clock.advance(60_000);
    const changed = await registry.update('ConfigMap', key, configMap());
    expect(metadataOf(changed)).toEqual({
      ...key,
      uid: made.metadata.uid,
      resourceVersion: expect.any(String),
      creationTimestamp: made.metadata.creationTimestamp,
    });
    expect(Number(changed.metadata.resourceVersion)).toBeGreaterThan(Number(made.metadata.resourceVersion));
    const again = await registry.update('ConfigMap', key, configMap(own));
    expect(again.metadata).toMatchObject(own);
  });

  test('keeps that it is being deleted', async () => {
    const { registry } = await harness();
    await registry.create('Agent', {}, agent({}, own));
    const going = await registry.delete('Agent', key);
    const body = agent({ spec: { template: { command: ['y'] } } }, own);
    const changed = await registry.update('Agent', key, body);
    expect(changed.metadata).toMatchObject({
      deletionTimestamp: going.metadata.deletionTimestamp,
      deletionGracePeriodSeconds: 0,
      generation: 3,
    });
  });

  test.each([
    [
      'of another object',
      { uid: 'other' },
      /^Operation cannot be fulfilled on configmaps "a": Precondition failed: UID in precondition: other, UID in object meta: [0-9a-f-]+$/,
    ],
    [
      'of another state',
      { resourceVersion: '1' },
      /^Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again$/,
    ],
  ])('is a conflict where it is that %s', async (_what, pinned, message) => {
    const { registry } = await harness();
    await registry.create('ConfigMap', {}, configMap());
    for (const write of [
      registry.update('ConfigMap', key, configMap(pinned)),
      registry.patch('ConfigMap', key, { type: 'apply', body: configMap(pinned) }, { fieldManager: 'me' }),
    ])
      await expect(write).rejects.toMatchObject({
        status: 409,
        code: 'Conflict',
        message: expect.stringMatching(message),
        details: { name: 'a', group: '', kind: 'configmaps' },
      });
  });

  test('may name the object and its state, or leave both empty', async () => {
    const { registry } = await harness();
    const { metadata } = await registry.create('ConfigMap', {}, configMap());
    const { uid, resourceVersion } = metadata;
    await registry.update('ConfigMap', key, { ...configMap({ uid, resourceVersion }), data: { a: '1' } });
    await registry.update('ConfigMap', key, {
      ...configMap({ uid: '', resourceVersion: '' }),
      data: { a: '2' },
    });
    expect((await registry.get('ConfigMap', key)).data).toEqual({ a: '2' });
  });

  test('of an object that is being deleted gets no new finalizer, and may lose some', async () => {
    const { registry } = await harness();
    const held = (...finalizers: string[]) => configMap({ finalizers });
    await registry.create('ConfigMap', {}, held('example.com/a', 'example.com/b'));
    await registry.update('ConfigMap', key, held('example.com/a', 'example.com/b', 'example.com/c'));
    await registry.delete('ConfigMap', key);
    await expect(
      registry.update('ConfigMap', key, held('example.com/a', 'example.com/d')),
    ).rejects.toMatchObject({
      code: 'Forbidden',
      message:
        'configmaps "a" is forbidden: no new finalizers can be added if the object is being deleted, found new finalizers ["example.com/d"]',
    });
    const left = await registry.update('ConfigMap', key, held('example.com/b'));
    expect(left.metadata.finalizers).toEqual(['example.com/b']);
    const last = await registry.update('ConfigMap', key, configMap());
    expect(Number(last.metadata.resourceVersion)).toBeGreaterThan(Number(left.metadata.resourceVersion));
    await expect(registry.get('ConfigMap', key)).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('warns that a change of what is being deleted goes with it, but for metadata and status', async () => {
    const { registry } = await harness();
    const warnings: string[] = [];
    const options = { warn: (warning: string) => warnings.push(warning) };
    await registry.create('ConfigMap', {}, configMap(own));
    await registry.update('ConfigMap', key, { ...configMap(own), data: { a: '1' } }, options);
    await registry.delete('ConfigMap', key);
    await registry.update(
      'ConfigMap',
      key,
      { ...configMap({ ...own, labels: {} }), data: { a: '1' } },
      options,
    );
    expect(warnings).toEqual([]);
    await registry.update('ConfigMap', key, { ...configMap(own), data: { a: '2' } }, options);
    expect(warnings).toEqual(['configmaps "a" is being deleted, so this change is lost']);
  });
});

describe('the generation', () => {
  test('counts changes of anything but metadata and status', async () => {
    const { registry } = await harness();
    await registry.create('Agent', {}, agent());
    const generationAfter = async (body: object, subresource?: 'status') => {
      const patch = { type: 'merge' as const, body };
      return (await registry.patch('Agent', key, patch, { subresource })).metadata.generation;
    };
    expect(await generationAfter({ spec: { replicas: 2 } })).toBe(2);
    expect(await generationAfter({ metadata: { labels: { a: '1' } } })).toBe(2);
    expect(await generationAfter({ status: { phase: 'Ready' } }, 'status')).toBe(2);
    expect(await generationAfter({ spec: { replicas: 2 } })).toBe(2);
    expect(await generationAfter({ spec: { replicas: 3 } })).toBe(3);
  });
});

describe('the status', () => {
  const status = { phase: 'Ready', message: 'It is Ready.' };

  test('is written through its subresource alone, which writes nothing else', async () => {
    const { registry } = await harness();
    const made = await registry.create('Agent', {}, agent({ status }));
    expect(made).not.toHaveProperty('status');
    await registry.update(
      'Agent',
      key,
      agent({ status, spec: { replicas: 2, template: { command: ['x'] } } }),
    );
    expect(await registry.get('Agent', key)).not.toHaveProperty('status');
    const body = agent(
      { status, spec: { replicas: 9, template: { command: ['y'] } } },
      { labels: { a: '1' } },
    );
    const said = await registry.update('Agent', key, body, { subresource: 'status' });
    expect(said).toMatchObject({ status, spec: { replicas: 2, template: { command: ['x'] } } });
    expect(said.metadata).not.toHaveProperty('labels');
  });

  test('stays when the rest is updated, and goes with a status write that has none', async () => {
    const { registry } = await harness();
    await registry.create('Agent', {}, agent());
    await registry.update('Agent', key, agent({ status }), { subresource: 'status' });
    const changed = await registry.update('Agent', key, agent({ status: { phase: 'Failed' } }, own));
    expect(changed.status).toEqual(status);
    const bare = await registry.update('Agent', key, agent(), { subresource: 'status' });
    expect(bare).not.toHaveProperty('status');
    expect(bare.metadata).toMatchObject(own);
  });

  test('is what an apply of it says, and nothing else is', async () => {
    const { registry } = await harness();
    await registry.create('Agent', {}, agent());
    const body = agent({ status }, { labels: { a: '1' } });
    const options = { fieldManager: 'me', subresource: 'status' } as const;
    const said = await registry.patch('Agent', key, { type: 'apply', body }, options);
    expect(said.status).toEqual(status);
    expect(said.metadata).not.toHaveProperty('labels');
    const apply = { type: 'apply', body: agent({ status: { phase: 'Failed' } }) } as const;
    const other = await registry.patch('Agent', key, apply, { fieldManager: 'me', force: true });
    expect(other.status).toEqual(status);
  });

  test('cannot be applied to what is not there', async () => {
    const { registry } = await harness();
    const options = { fieldManager: 'me', subresource: 'status' } as const;
    await expect(
      registry.patch('Agent', key, { type: 'apply', body: agent({ status }) }, options),
    ).rejects.toMatchObject({ code: 'NotFound', message: 'agents.agentctl.dev "a" not found' });
  });

  test('of a kind that has no such subresource is a field like any other', async () => {
    const { registry } = await harness();
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'b' }, status: { phase: 'Gone' } };
    expect((await registry.create('Namespace', {}, body)).status).toEqual({ phase: 'Active' });
  });
});

describe('a Secret', () => {
  const secret = (more: object) => ({ apiVersion: 'v1', kind: 'Secret', metadata: key, ...more });

  test('has its stringData laid over its data', async () => {
    const { registry } = await harness();
    const body = secret({ data: { a: 'b2xk', b: 'aGVsZA==' }, stringData: { a: 'new' } });
    const made = await registry.create('Secret', {}, body);
    expect(made.data).toEqual({ a: 'bmV3', b: 'aGVsZA==' });
    expect(made).not.toHaveProperty('stringData');
  });

  test.each([
    ['a number in it', { a: 1 }],
    ['a text in place of it', 'text'],
  ])('is refused with %s', async (_what, stringData) => {
    const { registry } = await harness();
    await expect(registry.create('Secret', {}, secret({ stringData }))).rejects.toMatchObject({
      code: 'Invalid',
    });
  });

  test('alone has stringData', async () => {
    const { registry } = await harness();
    const body = { ...configMap(), stringData: { a: 'x' } };
    expect(await registry.create('ConfigMap', {}, body)).not.toHaveProperty('data');
  });
});
