/** Who wrote an object: set by the registry, and by nobody else. */

import { describe, expect, test } from 'vitest';
import { authorAnnotation, authorOf } from '../../src/api/annotations.ts';
import type { Agent, New } from '../../src/api/objects.ts';
import type { RegistryWriteOptions } from '../../src/registry/object.ts';
import { type Harness, harness } from './harness.ts';

const key = { namespace: 'default', name: 'a' };
const byEdit: RegistryWriteOptions = { author: 'token:edit' };
const annotated = (value: string) => ({ annotations: { [authorAnnotation]: value } });

const manifest = (command: string, metadata: object = {}): New<Agent> => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Agent',
  metadata: { name: 'a', namespace: 'default', ...metadata },
  spec: { template: { command: [command] } },
});

const create = ({ client }: Harness, metadata = {}, options: RegistryWriteOptions = {}): Promise<Agent> =>
  client.create('Agent', manifest('a', metadata), options);
const stored = async ({ client }: Harness): Promise<string | undefined> =>
  authorOf(await client.get('Agent', key));

/** Each way to write, as a change of the command to `b`, with these annotations. */
const ways: Record<string, (at: Harness, metadata: object, options: RegistryWriteOptions) => Promise<Agent>> =
  {
    update: async ({ client }, metadata, options) => {
      const live = await client.get('Agent', key);
      const spec = { ...live.spec, template: { ...live.spec.template, command: ['b'] } };
      return client.update('Agent', { ...live, metadata: { ...live.metadata, ...metadata }, spec }, options);
    },
    'merge patch': ({ client }, metadata, options) => {
      const body = { metadata, spec: { template: { command: ['b'] } } };
      return client.patch('Agent', key, { type: 'merge', body }, options);
    },
    'JSON patch': ({ client }, metadata, options) => {
      const meta = Object.entries(metadata).map(([name, value]) => ({
        op: 'add',
        path: `/metadata/${name}`,
        value,
      }));
      const body = [...meta, { op: 'replace', path: '/spec/template/command', value: ['b'] }];
      return client.patch('Agent', key, { type: 'json', body }, options);
    },
    apply: ({ client }, metadata, options) =>
      client.patch(
        'Agent',
        key,
        { type: 'apply', body: manifest('b', metadata) },
        { force: true, ...options },
      ),
  };

describe('an object has the author', () => {
  test('who makes it, by create and by apply, and none where it is an admin who does', async () => {
    const at = await harness();
    expect(authorOf(await create(at, {}, byEdit))).toBe('token:edit');
    const { client } = at;
    const body = manifest('x', { name: 'b' });
    const made = await client.patch('Agent', { ...key, name: 'b' }, { type: 'apply', body }, byEdit);
    expect(authorOf(made)).toBe('token:edit');
    expect(authorOf(await client.create('Agent', manifest('x', { name: 'c' })))).toBeUndefined();
  });

  test.each(['Policy', 'Sync', 'Secret', 'ConfigMap'] as const)('that a %s is made by', async (kind) => {
    const { client } = await harness();
    const core = kind === 'Secret' || kind === 'ConfigMap';
    const made = await client.create(
      kind,
      {
        apiVersion: core ? 'v1' : 'agentctl.dev/v1',
        kind,
        metadata: { name: 'x', namespace: 'default' },
        ...(core ? { data: { a: 'YQ==' } } : {}),
        ...(kind === 'Policy' ? { spec: {} } : {}),
        ...(kind === 'Sync' ? { spec: { source: { git: { url: 'https://git.example/x.git' } } } } : {}),
      } as never, // one of the four
      byEdit,
    );
    expect(authorOf(made)).toBe('token:edit');
    if (!core) return;
    await client.create(kind, {
      apiVersion: 'v1',
      kind,
      metadata: { name: 'y' },
      data: { a: 'YQ==' },
    } as never);
    const body = { data: { a: 'Yg==' } };
    const changed = await client.patch(kind, { ...key, name: 'y' }, { type: 'merge', body }, byEdit);
    expect(authorOf(changed)).toBe('token:edit');
  });

  test.each(Object.keys(ways))('who changes what it runs, by %s', async (way) => {
    const at = await harness();
    await create(at);
    const dry = await ways[way]?.(at, {}, { ...byEdit, dryRun: true });
    expect([dry && authorOf(dry), await stored(at)]).toEqual(['token:edit', undefined]);
    await ways[way]?.(at, {}, byEdit);
    expect(await stored(at)).toBe('token:edit');
  });

  test('of before, where only how many there are, whether they run, or the metadata is changed', async () => {
    const at = await harness();
    await create(at);
    const { client, registry } = at;
    const body = {
      metadata: { labels: { a: 'b' }, annotations: { x: 'y' } },
      spec: { replicas: 2, suspend: true },
    };
    await client.patch('Agent', key, { type: 'merge', body }, byEdit);
    const scale = { type: 'merge', body: { spec: { replicas: 3 } } } as const;
    await registry.patchScale('Agent', key, scale, byEdit);
    await registry.updateScale('Agent', key, { spec: { replicas: 4 } }, byEdit);
    const live = await client.get('Agent', key);
    await client.update('Agent', { ...live, status: { replicas: 4 } }, { ...byEdit, subresource: 'status' });
    expect(await stored(at)).toBeUndefined();
    expect((await client.get('Agent', key)).spec).toMatchObject({ replicas: 4, suspend: true });
  });

  test('who changed it last', async () => {
    const at = await harness();
    await create(at, {}, byEdit);
    await ways.apply?.(at, {}, { author: 'agent:boss' });
    expect(await stored(at)).toBe('agent:boss');
  });
});

describe('a client cannot', () => {
  test.each(Object.keys(ways))('say who wrote an object, by %s', async (way) => {
    const at = await harness();
    await create(at);
    // An admin neither.
    for (const options of [{}, byEdit]) {
      const warnings: string[] = [];
      const warn = (text: string): void => void warnings.push(text);
      await ways[way]?.(at, annotated('agent:other'), { ...options, warn });
      expect(await stored(at)).toBe(options.author);
      expect(warnings.join()).toContain('is set by the server');
      await at.client.patch('Agent', key, {
        type: 'merge',
        body: { spec: { template: { command: ['a'] } } },
      });
    }
  });

  test('say who wrote it when it makes the object', async () => {
    const at = await harness();
    expect(authorOf(await create(at, annotated('agent:other'), byEdit))).toBe('token:edit');
    const { client } = at;
    for (const [name, options] of [
      ['b', byEdit],
      ['c', {}],
    ] as const) {
      const body = manifest('x', { name, ...annotated('agent:other') });
      const made = await client.patch('Agent', { ...key, name }, { type: 'apply', body }, options);
      expect(authorOf(made)).toBe('author' in options ? options.author : undefined);
      expect(JSON.stringify(made.metadata.managedFields)).not.toContain(authorAnnotation);
    }
  });

  test.each<[string, (at: Harness) => Promise<unknown>]>([
    [
      'a merge patch',
      ({ client }) =>
        client.patch(
          'Agent',
          key,
          { type: 'merge', body: { metadata: { annotations: { [authorAnnotation]: null } } } },
          byEdit,
        ),
    ],
    [
      'a merge patch of all annotations',
      ({ client }) =>
        client.patch('Agent', key, { type: 'merge', body: { metadata: { annotations: null } } }, byEdit),
    ],
    [
      'a JSON patch',
      ({ client }) =>
        client.patch(
          'Agent',
          key,
          { type: 'json', body: [{ op: 'remove', path: '/metadata/annotations' }] },
          byEdit,
        ),
    ],
    ['an update', ({ client }) => client.update('Agent', manifest('b') as Agent, byEdit)],
    [
      'an apply',
      ({ client }) =>
        client.patch('Agent', key, { type: 'apply', body: manifest('b') }, { ...byEdit, force: true }),
    ],
    [
      'an apply of an admin',
      ({ client }) => client.patch('Agent', key, { type: 'apply', body: manifest('b') }, { force: true }),
    ],
    [
      'an apply of an admin that let go of it',
      async ({ client }) => {
        await client.patch(
          'Agent',
          key,
          { type: 'apply', body: manifest('b', annotated('token:edit')) },
          { force: true },
        );
        await client.patch('Agent', key, { type: 'apply', body: manifest('b') }, { force: true });
      },
    ],
    [
      'a patch of an admin of something else',
      ({ client }) =>
        client.patch('Agent', key, { type: 'merge', body: { spec: { template: { command: ['b'] } } } }),
    ],
    [
      'a status',
      async ({ client }) => {
        const {
          metadata: { annotations: _, ...metadata },
          ...live
        } = await client.get('Agent', key);
        await client.update(
          'Agent',
          { ...live, metadata, status: { replicas: 1 } },
          { subresource: 'status' },
        );
      },
    ],
    [
      'a scale',
      ({ registry }) => registry.patchScale('Agent', key, { type: 'merge', body: { spec: { replicas: 2 } } }),
    ],
  ])('take the author off by %s', async (_, write) => {
    const at = await harness();
    await create(at, {}, byEdit);
    await write(at);
    expect(await stored(at)).toBe('token:edit');
  });
});

describe('an admin takes an object over', () => {
  test.each<[string, (at: Harness) => Promise<unknown>]>([
    [
      'a merge patch',
      ({ client }) =>
        client.patch('Agent', key, {
          type: 'merge',
          body: { metadata: { annotations: { [authorAnnotation]: null } } },
        }),
    ],
    [
      'a JSON patch',
      ({ client }) =>
        client.patch('Agent', key, {
          type: 'json',
          body: [{ op: 'remove', path: '/metadata/annotations/agentctl.dev~1author' }],
        }),
    ],
    ['an update without it', ({ client }) => client.update('Agent', manifest('b') as Agent)],
  ])('by %s, and it stays so', async (_, write) => {
    const at = await harness();
    const { uid } = (await create(at, {}, byEdit)).metadata;
    await write(at);
    expect(await stored(at)).toBeUndefined();
    expect((await at.client.get('Agent', key)).metadata.uid).toBe(uid);
    // What comes after is judged anew.
    await at.client.patch(
      'Agent',
      key,
      { type: 'merge', body: { metadata: { labels: { a: 'b' } } } },
      byEdit,
    );
    expect(await stored(at)).toBeUndefined();
    await ways['merge patch']?.(at, {}, byEdit);
  });

  test('and a dry run of that changes nothing', async () => {
    const at = await harness();
    await create(at, {}, byEdit);
    const body = { metadata: { annotations: { [authorAnnotation]: null } } };
    const dry = await at.client.patch('Agent', key, { type: 'merge', body }, { dryRun: true });
    expect([authorOf(dry), await stored(at)]).toEqual([undefined, 'token:edit']);
  });
});

describe('who applies the same again', () => {
  test.each<[string, object, object]>([
    ['with no annotations', {}, {}],
    ['with annotations', { annotations: { x: 'y' } }, { annotations: { x: 'y' } }],
    ['as it was exported', {}, annotated('token:edit')],
  ])('writes nothing: %s', async (_, first, second) => {
    const { client } = await harness();
    const apply = (metadata: object, options: RegistryWriteOptions): Promise<Agent> =>
      client.patch('Agent', key, { type: 'apply', body: manifest('b', metadata) }, options);
    const made = await apply(first, byEdit);
    for (const options of [byEdit, {}, byEdit])
      expect((await apply(second, options)).metadata.resourceVersion).toBe(made.metadata.resourceVersion);
    const live = await client.get('Agent', key);
    expect((await client.update('Agent', live, byEdit)).metadata.resourceVersion).toBe(
      live.metadata.resourceVersion,
    );
  });

  test('owns its own annotations, and never that of the author', async () => {
    const { client, as } = await harness();
    const body = manifest('b', { annotations: { x: 'y' } });
    await client.patch('Agent', key, { type: 'apply', body }, byEdit);
    const other = await as('other').patch(
      'Agent',
      key,
      { type: 'merge', body: { metadata: { annotations: { z: '1' } } } },
      byEdit,
    );
    expect(JSON.stringify(other.metadata.managedFields)).not.toContain(authorAnnotation);
    const after = await client.patch('Agent', key, { type: 'apply', body: manifest('b') }, byEdit);
    expect(after.metadata.annotations).toEqual({ z: '1', [authorAnnotation]: 'token:edit' });
  });
});
