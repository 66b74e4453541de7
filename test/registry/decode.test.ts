import { describe, expect, test } from 'vitest';
import { harness } from './harness.ts';

const configMap = (more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a' },
  ...more,
});

describe('a body', () => {
  test.each<[string, unknown, string]>([
    ['is no object', [configMap()], 'expected an object of kind ConfigMap'],
    ['is nothing', null, 'expected an object of kind ConfigMap'],
    [
      'has another version',
      configMap({ apiVersion: 'v2' }),
      'the API version in the data (v2) does not match the expected API version (v1)',
    ],
    [
      'has another kind',
      configMap({ kind: 'Secret' }),
      'the kind in the data (Secret) does not match the expected kind (ConfigMap)',
    ],
    [
      'has a kind that is no text',
      configMap({ kind: { a: 1 } }),
      'the kind in the data ({"a":1}) does not match the expected kind (ConfigMap)',
    ],
    ['has metadata that are no object', configMap({ metadata: 'a' }), 'metadata: expected an object'],
    ...['name', 'generateName', 'namespace', 'uid', 'resourceVersion'].map(
      (field): [string, unknown, string] => [
        `has a ${field} that is no text`,
        configMap({ metadata: { [field]: 7 } }),
        `metadata.${field}: expected a string`,
      ],
    ),
  ])('that %s is refused', async (_what, body, message) => {
    const { registry } = await harness();
    await expect(registry.create('ConfigMap', {}, body)).rejects.toMatchObject({ status: 400, message });
  });

  test('need not name its kind, nor have metadata, where the request does', async () => {
    const { registry } = await harness();
    const made = await registry.create(
      'ConfigMap',
      { namespace: 'default', name: 'b' },
      { data: { a: '1' } },
    );
    expect(made).toMatchObject({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'default', name: 'b' },
    });
  });

  test.each<[string, object, object, string | undefined]>([
    ['the name of the request', { name: 'a' }, { name: 'a' }, undefined],
    [
      'another name than the request',
      { name: 'b' },
      { name: 'a' },
      'the name of the object (a) does not match the name on the URL (b)',
    ],
    [
      'an empty name, unlike the request',
      { name: 'b' },
      { name: '' },
      'the name of the object () does not match the name on the URL (b)',
    ],
    [
      'another namespace than the request',
      { namespace: 'default' },
      { name: 'a', namespace: 'other' },
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    ['a namespace, where the request has none', {}, { name: 'a', namespace: 'default' }, undefined],
  ])('may have %s', async (_what, key, metadata, message) => {
    const { registry } = await harness();
    const made = registry.create('ConfigMap', key, configMap({ metadata }));
    if (message === undefined)
      expect((await made).metadata).toMatchObject({ namespace: 'default', name: 'a' });
    else await expect(made).rejects.toMatchObject({ status: 400, message });
  });

  test.each([{}, { namespace: '' }])('with the namespace %o is for the default one', async (metadata) => {
    const { registry } = await harness();
    const made = await registry.create('ConfigMap', {}, configMap({ metadata: { name: 'a', ...metadata } }));
    expect(made.metadata.namespace).toBe('default');
  });

  test('of a kind without namespaces has none, and says so where it names one', async () => {
    const { registry } = await harness();
    const namespace = (metadata: object) => ({ apiVersion: 'v1', kind: 'Namespace', metadata });
    const made = await registry.create('Namespace', {}, namespace({ name: 'b' }));
    expect(made.metadata).not.toHaveProperty('namespace');
    await expect(
      registry.create('Namespace', {}, namespace({ name: 'c', namespace: 'default' })),
    ).rejects.toMatchObject({ code: 'Invalid' });
  });

  test('without a name or a prefix of one is refused', async () => {
    const { registry } = await harness();
    for (const metadata of [{}, { name: '' }, { generateName: '' }])
      await expect(registry.create('ConfigMap', {}, configMap({ metadata }))).rejects.toMatchObject({
        code: 'Invalid',
        message: expect.stringContaining('metadata.name'),
      });
  });
});

describe('a field that is not in the schema', () => {
  const body = configMap({ datta: {}, spec: { a: 1 } });

  test('is refused where the client asks for that, with all others', async () => {
    const { registry } = await harness();
    await expect(registry.create('ConfigMap', {}, body, { fieldValidation: 'Strict' })).rejects.toMatchObject(
      {
        status: 400,
        message:
          'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "datta" (did you mean data?), unknown field "spec"',
      },
    );
    await registry.create('ConfigMap', {}, configMap(), { fieldValidation: 'Strict' });
  });

  test.each([
    [{}, 2],
    [{ fieldValidation: 'Warn' as const }, 2],
    [{ fieldValidation: 'Ignore' as const }, 0],
  ])('is dropped, with %o and %i warnings', async (options, count) => {
    const { registry } = await harness();
    const warnings: string[] = [];
    const warn = (warning: string): void => void warnings.push(warning);
    const made = await registry.create('ConfigMap', {}, body, { ...options, warn });
    expect(warnings).toHaveLength(count);
    expect(made).not.toHaveProperty('datta');
    expect(await registry.get('ConfigMap', { name: 'a' })).not.toHaveProperty('spec');
  });
});
