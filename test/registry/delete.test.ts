import { describe, expect, test, vi } from 'vitest';
import { type Harness, harness } from './harness.ts';

const key = { namespace: 'default', name: 'a' };
const held = 'example.com/held';

const made = ({ registry }: Harness, metadata: object = {}, kind: 'ConfigMap' | 'Policy' = 'ConfigMap') =>
  registry.create(
    kind,
    {},
    {
      apiVersion: kind === 'ConfigMap' ? 'v1' : 'agentctl.dev/v1',
      kind,
      metadata: { ...key, ...metadata },
    },
  );

describe('a deletion', () => {
  test('answers the object as it was, with the revision of its end', async () => {
    const at = await harness();
    const before = await made(at);
    const gone = await at.registry.delete('ConfigMap', key);
    expect(gone.metadata).toMatchObject({ uid: before.metadata.uid });
    expect(gone.metadata).not.toHaveProperty('deletionTimestamp');
    expect(gone.metadata.resourceVersion).toBe(String(at.store.revision()));
    await expect(at.registry.get('ConfigMap', key)).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('of what is not there is NotFound', async () => {
    const { registry } = await harness();
    await expect(registry.delete('ConfigMap', key)).rejects.toMatchObject({
      status: 404,
      message: 'configmaps "a" not found',
      details: { name: 'a', group: '', kind: 'configmaps' },
    });
  });

  test.each([
    ['uid', 'other', 'Precondition failed: UID in precondition: other, UID in object meta: '],
    [
      'resourceVersion',
      '1',
      'Precondition failed: ResourceVersion in precondition: 1, ResourceVersion in object meta: ',
    ],
  ] as const)('for another %s is a conflict', async (field, value, message) => {
    const at = await harness();
    const { metadata } = await made(at);
    await expect(
      at.registry.delete('ConfigMap', key, { preconditions: { [field]: value } }),
    ).rejects.toMatchObject({
      status: 409,
      message: `Operation cannot be fulfilled on configmaps "a": ${message}${metadata[field]}`,
    });
    await at.registry.delete('ConfigMap', key, { preconditions: { [field]: metadata[field] } });
  });

  test('of the namespace default is refused', async () => {
    const { registry } = await harness();
    await expect(registry.delete('Namespace', { name: 'default' })).rejects.toMatchObject({
      status: 403,
      message: 'namespaces "default" is forbidden: this namespace may not be deleted',
    });
    const at = await harness();
    await made(at, { name: 'default' });
    await at.registry.delete('ConfigMap', { ...key, name: 'default' });
  });

  test('that is a dry run changes nothing', async () => {
    const at = await harness();
    const before = await made(at);
    expect(await at.registry.delete('ConfigMap', key, { dryRun: true })).toEqual(before);
    const holds = await made(at, { name: 'b', finalizers: [held] });
    const marked = await at.registry.delete('ConfigMap', { ...key, name: 'b' }, { dryRun: true });
    expect(marked.metadata.deletionTimestamp).toBe('2026-03-01T12:00:00Z');
    expect(await at.registry.get('ConfigMap', { ...key, name: 'b' })).toEqual(holds);
  });
});

describe('the deletion of what a finalizer holds', () => {
  test('marks it, once, as a new generation', async () => {
    const at = await harness();
    await made(at, { finalizers: [held] }, 'Policy');
    const marked = await at.registry.delete('Policy', key);
    expect(marked.metadata).toMatchObject({
      deletionTimestamp: '2026-03-01T12:00:00Z',
      deletionGracePeriodSeconds: 0,
      generation: 2,
      finalizers: [held],
    });
    at.clock.advance(60_000);
    expect(await at.registry.delete('Policy', key)).toEqual(marked);
  });

  test('of the core group has no generation', async () => {
    const at = await harness();
    await made(at, { finalizers: [held] });
    expect((await at.registry.delete('ConfigMap', key)).metadata).not.toHaveProperty('generation');
  });

  test.each([
    [undefined, [held]],
    ['Background', [held]],
    ['Foreground', [held, 'foregroundDeletion']],
    ['Orphan', [held, 'orphan']],
  ] as const)('with the policy %s leaves the finalizers %o', async (propagationPolicy, finalizers) => {
    const at = await harness();
    await made(at, { finalizers: [held] });
    const marked = await at.registry.delete('ConfigMap', key, { propagationPolicy });
    expect(marked.metadata.finalizers).toEqual(finalizers);
  });

  test('again with another policy changes it, not the time nor the generation; without one it stays', async () => {
    const at = await harness();
    const dryRun = true;
    await made(at, { finalizers: ['orphan', held, 'foregroundDeletion'] }, 'Policy');
    const policies = async (propagationPolicy: 'Background' | 'Orphan' | undefined) =>
      (await at.registry.delete('Policy', key, { propagationPolicy, dryRun })).metadata.finalizers;
    expect(await policies(undefined)).toEqual(['orphan', held, 'foregroundDeletion']);
    expect(await policies('Background')).toEqual([held]);
    expect(await policies('Orphan')).toEqual([held, 'orphan']);
  });

  test('with a policy that there is not is refused', async () => {
    const at = await harness();
    await made(at);
    await expect(
      at.registry.delete('ConfigMap', key, { propagationPolicy: 'Sometimes' as 'Orphan' }),
    ).rejects.toMatchObject({
      status: 400,
      message: 'invalid propagation policy: expected Foreground, Background or Orphan',
    });
  });

  test('is done at once where the last one is given up with it, and nothing else holds it', async () => {
    const at = await harness();
    await made(at, { finalizers: [held] });
    const marked = await at.registry.delete('ConfigMap', key, { lastFinalizer: 'example.com/other' });
    expect(marked.metadata.finalizers).toEqual([held]);
    await at.registry.delete('ConfigMap', key, { lastFinalizer: held });
    await expect(at.registry.get('ConfigMap', key)).rejects.toMatchObject({ code: 'NotFound' });
    await made(at, { finalizers: ['example.com/other', held] });
    const both = await at.registry.delete('ConfigMap', key, { lastFinalizer: held });
    expect(both.metadata.finalizers).toEqual(['example.com/other', held]);
  });
});

describe('the deletion of a collection', () => {
  test('deletes what a list shows, and answers that', async () => {
    const at = await harness();
    for (const name of ['a', 'b', 'c']) await made(at, { name, labels: { odd: String(name !== 'b') } });
    const found = await at.registry.deleteCollection('ConfigMap', { labelSelector: 'odd=true' });
    expect(found.items.map(({ metadata }) => metadata.name)).toEqual(['a', 'c']);
    const left = await at.registry.list('ConfigMap');
    expect(left.items.map(({ metadata }) => metadata.name)).toEqual(['b']);
  });

  test('deletes each as one object is deleted', async () => {
    const at = await harness();
    for (const name of ['a', 'b']) await made(at, { name, finalizers: name === 'b' ? [held] : [] });
    const names = async () =>
      (await at.registry.list('ConfigMap')).items.map(({ metadata }) => [metadata.name, metadata.finalizers]);
    const before = await names();
    await at.registry.deleteCollection('ConfigMap', {}, { dryRun: true });
    expect(await names()).toEqual(before);
    await at.registry.deleteCollection('ConfigMap', {}, { propagationPolicy: 'Orphan' });
    await at.registry.settled();
    expect(await names()).toEqual([['b', [held]]]);
  });

  test('passes over what another has deleted or made anew meanwhile, and nothing else', async () => {
    const at = await harness();
    for (const name of ['a', 'b', 'c']) await made(at, { name });
    const remove = at.store.delete.bind(at.store);
    const removing = vi.spyOn(at.store, 'delete').mockImplementationOnce(async (...args) => {
      const other = await at.store.get('/core/configmaps/default/b');
      await remove('/core/configmaps/default/b', other?.modRevision ?? 0);
      return remove(...args);
    });
    await at.registry.deleteCollection('ConfigMap', {});
    expect((await at.registry.list('ConfigMap')).items).toEqual([]);
    await made(at);
    removing.mockRejectedValueOnce(new Error('the disk is gone'));
    await expect(at.registry.deleteCollection('ConfigMap', {})).rejects.toThrow('the disk is gone');
  });
});
