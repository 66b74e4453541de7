/** Requests that a registry answers by what its kinds are, and by where an object goes. */
import { describe, expect, test } from 'vitest';
import type { Kind } from '../../src/api/objects.ts';
import { harness } from './harness.ts';

const key = { namespace: 'default', name: 'a' };
const agent = (metadata: object = {}) => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Agent',
  metadata: { ...key, ...metadata },
  spec: { template: { command: ['x'] }, replicas: 2 },
});
const configMap = (metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { ...key, ...metadata },
});
const event = (name: string, involved: string, related?: string) => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { namespace: 'default', name },
  involvedObject: { kind: 'Instance', namespace: 'default', name: involved },
  ...(related === undefined ? {} : { related: { kind: 'Agent', namespace: 'default', name: related } }),
  reason: 'Started',
  message: 'It started.',
  type: 'Normal',
});

describe('a kind that is not in the store', () => {
  const noSuchResource = {
    status: 404,
    code: 'NotFound',
    message: 'the server could not find the requested resource',
  };

  test.each<[Kind, string]>([
    [
      'Message',
      'messages are read-only: use agentctl send, agentctl messages retry and agentctl messages cancel',
    ],
    ['Conversation', 'conversations are read-only: use agentctl send and agentctl chat'],
    ['Approval', 'approvals are read-only: use agentctl approve and agentctl deny'],
  ])('cannot be written: %s', async (kind, message) => {
    const { registry } = await harness();
    const refused = { status: 405, code: 'MethodNotAllowed', message };
    const merge = { type: 'merge', body: {} } as const;
    await expect(registry.create(kind, {}, {})).rejects.toMatchObject(refused);
    await expect(registry.update(kind, key, {})).rejects.toMatchObject(refused);
    await expect(registry.patch(kind, key, merge)).rejects.toMatchObject(refused);
    await expect(registry.delete(kind, key)).rejects.toMatchObject(refused);
    await expect(registry.deleteCollection(kind, {})).rejects.toMatchObject(refused);
    await expect(registry.scale(kind, key)).rejects.toMatchObject(refused);
  });

  test('cannot be read here', async () => {
    const { registry } = await harness();
    await expect(registry.get('Message', key)).rejects.toMatchObject(noSuchResource);
    await expect(registry.list('Message')).rejects.toMatchObject(noSuchResource);
    const { signal } = new AbortController();
    expect(() => registry.watch('Message', { signal })).toThrow(noSuchResource.message);
  });

  test('nor has another kind a subresource that it does not have', async () => {
    const { registry } = await harness();
    await registry.create('ConfigMap', {}, configMap());
    await expect(
      registry.update('ConfigMap', key, configMap(), { subresource: 'status' }),
    ).rejects.toMatchObject(noSuchResource);
    await expect(registry.scale('ConfigMap', key)).rejects.toMatchObject(noSuchResource);
    await expect(registry.updateScale('ConfigMap', key, {})).rejects.toMatchObject(noSuchResource);
    await expect(registry.patchScale('ConfigMap', key, { type: 'merge', body: {} })).rejects.toMatchObject(
      noSuchResource,
    );
  });
});

describe('what is not there', () => {
  test('is not found, by its kind and name', async () => {
    const { registry } = await harness();
    const missing = {
      status: 404,
      message: 'agents.agentctl.dev "a" not found',
      details: { name: 'a', group: 'agentctl.dev', kind: 'agents' },
    };
    const merge = { type: 'merge', body: {} } as const;
    await expect(registry.get('Agent', key)).rejects.toMatchObject(missing);
    await expect(registry.update('Agent', key, agent())).rejects.toMatchObject(missing);
    await expect(registry.patch('Agent', key, merge)).rejects.toMatchObject(missing);
    await expect(registry.scale('Agent', key)).rejects.toMatchObject(missing);
    await expect(registry.patchScale('Agent', key, merge)).rejects.toMatchObject(missing);
  });

  test('cannot be applied by a uid or a resourceVersion', async () => {
    const { registry } = await harness();
    const apply = (metadata: object) =>
      registry.patch('ConfigMap', key, { type: 'apply', body: configMap(metadata) }, { fieldManager: 'me' });
    await expect(apply({ uid: 'u' })).rejects.toMatchObject({
      status: 409,
      message:
        'Operation cannot be fulfilled on configmaps "a": uid mismatch: the provided object specified uid u, and no existing object was found',
    });
    await expect(apply({ resourceVersion: '7' })).rejects.toMatchObject({
      status: 400,
      message: 'resourceVersion should not be set on objects to be created',
    });
    expect((await apply({ uid: '', resourceVersion: '' })).metadata.name).toBe('a');
  });
});

describe('a new object', () => {
  test('in a namespace that is not there is refused', async () => {
    const { registry } = await harness();
    await expect(registry.create('ConfigMap', {}, configMap({ namespace: 'b' }))).rejects.toMatchObject({
      status: 404,
      message: 'namespaces "b" not found',
    });
  });

  test('in a namespace that is being deleted is refused', async () => {
    const { registry } = await harness();
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'b' } };
    const made = await registry.create('Namespace', {}, namespace);
    expect(made).toMatchObject({
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
      metadata: { labels: { 'kubernetes.io/metadata.name': 'b' } },
    });
    await registry.create('ConfigMap', {}, configMap({ namespace: 'b', finalizers: ['example.com/held'] }));
    const going = await registry.delete('Namespace', { name: 'b' });
    expect(going.status).toEqual({ phase: 'Terminating' });
    await registry.settled();
    await expect(
      registry.create('ConfigMap', {}, configMap({ namespace: 'b', name: 'c' })),
    ).rejects.toMatchObject({
      status: 403,
      message:
        'configmaps "c" is forbidden: unable to create new content in namespace b because it is being terminated',
    });
    await registry.update('ConfigMap', { namespace: 'b', name: 'a' }, configMap({ namespace: 'b' }));
    await registry.settled();
    await expect(registry.get('Namespace', { name: 'b' })).rejects.toMatchObject({ status: 404 });
  });

  test('that is a dry run is answered, and not made', async () => {
    const { registry } = await harness();
    let created = 0;
    const options = { dryRun: true, onCreated: () => (created += 1) };
    const made = await registry.create('ConfigMap', {}, configMap(), options);
    expect(made.metadata.uid).toMatch(/./);
    expect(created).toBe(1);
    await expect(registry.get('ConfigMap', key)).rejects.toMatchObject({ status: 404 });
    await registry.create('ConfigMap', {}, configMap());
    await expect(registry.create('ConfigMap', {}, configMap(), options)).rejects.toMatchObject({
      code: 'AlreadyExists',
    });
  });

  test('of the name of one that is being deleted is told that', async () => {
    const { registry } = await harness();
    await registry.create('ConfigMap', {}, configMap({ finalizers: ['example.com/held'] }));
    await registry.delete('ConfigMap', key);
    await expect(registry.create('ConfigMap', {}, configMap())).rejects.toMatchObject({
      code: 'AlreadyExists',
      message: 'object is being deleted: configmaps "a" already exists',
    });
  });
});

describe('the scale of an Agent', () => {
  test('has what its status says', async () => {
    const { registry } = await harness();
    await registry.create('Agent', {}, agent());
    const status = { replicas: 1, selector: 'agentctl.dev/agent=a' };
    await registry.update('Agent', key, { ...agent(), status }, { subresource: 'status' });
    expect(await registry.scale('Agent', key)).toMatchObject({ spec: { replicas: 2 }, status });
  });

  test('is pinned by its uid and its resourceVersion, where they are named', async () => {
    const { registry } = await harness();
    const { metadata } = await registry.create('Agent', {}, agent());
    const to = (replicas: number, pinned: object) =>
      registry.updateScale('Agent', key, { metadata: pinned, spec: { replicas } });
    await expect(to(3, { uid: 'other' })).rejects.toMatchObject({ code: 'Conflict' });
    await expect(to(3, { resourceVersion: '1' })).rejects.toMatchObject({ code: 'Conflict' });
    await to(3, { uid: metadata.uid, resourceVersion: metadata.resourceVersion });
    await to(4, { uid: '', resourceVersion: '' });
    await to(5, { uid: 7, resourceVersion: 7 });
    expect((await registry.get('Agent', key)).spec).toMatchObject({ replicas: 5 });
  });

  test('is patched by merge and JSON patches alone', async () => {
    const { registry } = await harness();
    await registry.create('Agent', {}, agent());
    const merged = await registry.patchScale('Agent', key, {
      type: 'merge',
      body: { spec: { replicas: 0 } },
    });
    expect(merged.spec.replicas).toBe(0);
    await expect(
      registry.patchScale('Agent', key, { type: 'merge', body: { metadata: { resourceVersion: '1' } } }),
    ).rejects.toMatchObject({ code: 'Conflict' });
    await expect(registry.patchScale('Agent', key, { type: 'apply', body: {} })).rejects.toMatchObject({
      status: 415,
      message: 'the scale subresource supports merge patches and JSON patches, not apply',
    });
    for (const body of ['text', { spec: 'text' }, { spec: { replicas: Number.NaN } }, {}])
      await expect(registry.updateScale('Agent', key, body)).rejects.toMatchObject({
        status: 400,
        message: 'spec.replicas: expected a whole number of at least 0',
      });
  });
});

describe('Events', () => {
  test('are found by what they are about, and by what that is of', async () => {
    const { registry } = await harness();
    await registry.create('Event', {}, event('one', 'web-0', 'web'));
    await registry.create('Event', {}, event('two', 'web'));
    await registry.create('Event', {}, event('three', 'other-0', 'other'));
    await registry.create('Event', {}, event('four', 'web-1'));
    const found = async (fieldSelector: string) =>
      (await registry.list('Event', { fieldSelector })).items.map(({ metadata }) => metadata.name).sort();
    expect(await found('involvedObject.name=web')).toEqual(['one', 'two']);
    expect(await found('involvedObject.name=web,involvedObject.kind=Agent')).toEqual(['one']);
    expect(await found('involvedObject.name=web-0')).toEqual(['one']);
    expect(await found('involvedObject.name!=web')).toEqual(['four', 'one', 'three']);
    expect(await found('reason=Started')).toHaveLength(4);
    expect(await found('reason=Stopped')).toEqual([]);
  });
});
