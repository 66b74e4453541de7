/** A merge patch with null deletes a field, as in Kubernetes; what the server itself says of an object stays. */

import { describe, expect, test } from 'vitest';
import { authorAnnotation, authorOf } from '../../src/api/annotations.ts';
import { type Harness, harness } from './harness.ts';

const key = { namespace: 'default', name: 'a' };
const agent = (metadata: object = {}) => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Agent',
  metadata: { ...key, ...metadata },
  spec: { template: { command: ['a'] } },
});
const merge = ({ client }: Harness, metadata: unknown, warn?: (text: string) => void) =>
  client.patch('Agent', key, { type: 'merge', body: { metadata } }, { warn });
const json = ({ client }: Harness, path: string) =>
  client.patch('Agent', key, { type: 'json', body: [{ op: 'remove', path }] });

describe('a merge patch', () => {
  test.each(['labels', 'annotations', 'finalizers'])(
    'with null for %s deletes all of them',
    async (field) => {
      const at = await harness();
      const value = field === 'finalizers' ? ['test.dev/a', 'test.dev/b'] : { a: 'b' };
      await at.client.create('Agent', agent({ [field]: value }));
      expect((await merge(at, { [field]: null })).metadata).not.toHaveProperty(field);
    },
  );

  test('with null for the annotations, or a JSON patch that removes them, keeps the author', async () => {
    const at = await harness();
    await at.client.create('Agent', agent({ annotations: { a: 'b' } }), { author: 'token:edit' });
    const { metadata } = await merge(at, { annotations: null });
    expect(metadata.annotations).toEqual({ [authorAnnotation]: 'token:edit' });
    expect(authorOf(await json(at, '/metadata/annotations'))).toBe('token:edit');
  });

  test('with null for the author takes the object over, with a warning', async () => {
    const at = await harness();
    await at.client.create('Agent', agent(), { author: 'token:edit' });
    const warnings: string[] = [];
    const after = await merge(at, { annotations: { [authorAnnotation]: null } }, (text) =>
      warnings.push(text),
    );
    expect(authorOf(after)).toBeUndefined();
    expect(warnings).toEqual([
      'agentctl.dev/author is removed: you are now the author of what "token:edit" wrote',
    ]);
  });

  test('with null for the metadata is refused, and so is a JSON patch that removes it', async () => {
    const at = await harness();
    await at.client.create('Agent', agent({ labels: { a: 'b' } }));
    const refused = { code: 'Invalid', message: expect.stringContaining('metadata: is missing') };
    await expect(merge(at, null)).rejects.toMatchObject(refused);
    await expect(json(at, '/metadata')).rejects.toMatchObject(refused);
    expect((await at.client.get('Agent', key)).metadata.labels).toEqual({ a: 'b' });
  });

  test('with null for what the server sets changes nothing', async () => {
    const at = await harness();
    const made = await at.client.create('Agent', agent());
    const nothing = { uid: null, resourceVersion: null, creationTimestamp: null, generation: null };
    expect(await merge(at, nothing)).toEqual(made);
  });
});

test('an apply takes away the finalizers of its own manager alone', async () => {
  const { client, as } = await harness();
  const apply = (manager: string, metadata: object) =>
    as(manager).patch('Agent', key, { type: 'apply', body: agent(metadata) });
  await apply('one', { finalizers: ['test.dev/one'] });
  await apply('two', { finalizers: ['test.dev/two'] });
  await apply('one', { finalizers: null });
  expect((await client.get('Agent', key)).metadata.finalizers).toEqual(['test.dev/two']);
});

test('a Namespace keeps the label with its name, by every verb', async () => {
  const { client, as } = await harness();
  const name = { name: 'team' };
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { ...name, labels: { a: 'b' } } };
  const label = { 'kubernetes.io/metadata.name': 'team' };
  const made = await as('x').patch('Namespace', name, { type: 'apply', body });
  expect(made.metadata.labels).toEqual({ a: 'b', ...label });
  const patched = await client.patch('Namespace', name, {
    type: 'merge',
    body: { metadata: { labels: null } },
  });
  expect(patched.metadata.labels).toEqual(label);
  const { labels: _, ...bare } = patched.metadata;
  expect((await client.update('Namespace', { ...patched, metadata: bare })).metadata.labels).toEqual(label);
  const applied = { ...body, metadata: { ...name, labels: label } };
  await as('x').patch('Namespace', name, { type: 'apply', body: applied });
  const given = await as('x').patch('Namespace', name, { type: 'apply', body: { ...body, metadata: name } });
  expect(given.metadata.labels).toEqual(label);
});
