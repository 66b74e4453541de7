import { describe, expect, test } from 'vitest';
import { kinds } from '../../src/api/kinds.ts';
import { harness } from './harness.ts';

const key = { namespace: 'default', name: 'a' };

describe('the scale subresource', () => {
  test('has the same fields in every kind that scales', () => {
    const paths = kinds.flatMap(({ subresources }) => subresources.scale ?? []);
    expect(paths.length).toBeGreaterThan(0);
    for (const path of paths) {
      expect(path).toEqual({
        specReplicasPath: '.spec.replicas',
        statusReplicasPath: '.status.replicas',
        labelSelectorPath: '.status.selector',
      });
    }
  });

  test('is read, updated and patched as autoscaling/v1 Scale', async () => {
    const { client, registry } = await harness();
    const spec = { template: { command: ['x'] }, replicas: 2 };
    const made = await client.create('Agent', {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Agent',
      metadata: { name: 'a' },
      spec,
    });
    const scale = await registry.scale('Agent', key);
    expect(scale).toEqual({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: {
        name: 'a',
        namespace: 'default',
        uid: made.metadata.uid,
        resourceVersion: made.metadata.resourceVersion,
        creationTimestamp: '2026-03-01T12:00:00Z',
      },
      spec: { replicas: 2 },
      status: { replicas: 0 },
    });
    const updated = await registry.updateScale('Agent', key, { ...scale, spec: { replicas: 3 } });
    expect(updated.spec.replicas).toBe(3);
    await expect(registry.updateScale('Agent', key, { ...scale, spec: { replicas: 4 } })).rejects.toThrow(
      'has been modified',
    );
    const steps = [{ op: 'replace', path: '/spec/replicas', value: 5 }];
    expect((await registry.patchScale('Agent', key, { type: 'json', body: steps })).spec.replicas).toBe(5);
    expect((await client.get('Agent', key)).spec.replicas).toBe(5);
  });

  test('refuses what is no number of replicas', async () => {
    const { client, registry } = await harness();
    const spec = { template: { command: ['x'] } };
    await client.create('Agent', {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Agent',
      metadata: { name: 'a' },
      spec,
    });
    for (const replicas of [-1, 1.5, '2', undefined]) {
      await expect(registry.updateScale('Agent', key, { spec: { replicas } })).rejects.toThrow(
        'spec.replicas',
      );
    }
  });
});
