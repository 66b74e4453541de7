import { describe, expect, test } from 'vitest';
import { harness } from './harness.ts';

const wrong = 'continue key is not valid: list again without it';
const token = (page: unknown): string => Buffer.from(JSON.stringify(page)).toString('base64url');

async function crowd() {
  const at = await harness();
  for (const name of ['a', 'b', 'c', 'd', 'e'])
    await at.client.create('ConfigMap', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
  return at;
}

const names = ({ items }: { items: { metadata: { name: string } }[] }) =>
  items.map(({ metadata }) => metadata.name).join('');

describe('a list in pages', () => {
  test('says how many are left, and ends without a token', async () => {
    const { registry, store } = await crowd();
    const resourceVersion = String(store.revision());
    const first = await registry.list('ConfigMap', { limit: 2 });
    expect(names(first)).toBe('ab');
    expect(first.metadata).toEqual({
      resourceVersion,
      continue: expect.any(String),
      remainingItemCount: 3,
    });
    await registry.delete('ConfigMap', { name: 'c' });
    const second = await registry.list('ConfigMap', { limit: 2, continue: first.metadata.continue });
    expect(names(second)).toBe('cd');
    expect(second.metadata).toMatchObject({ resourceVersion, remainingItemCount: 1 });
    const last = await registry.list('ConfigMap', { limit: 2, continue: second.metadata.continue });
    expect(names(last)).toBe('e');
    expect(last.metadata).toEqual({ resourceVersion });
  });

  test('that fits has no token, though it is full', async () => {
    const { registry } = await crowd();
    for (const limit of [0, 5, 6]) {
      const all = await registry.list('ConfigMap', { limit });
      expect(names(all)).toBe('abcde');
      expect(all.metadata).not.toHaveProperty('continue');
    }
  });

  test('has a token that other servers of its kind would read', async () => {
    const { registry, store } = await crowd();
    const { metadata } = await registry.list('ConfigMap', { limit: 1 });
    expect(JSON.parse(Buffer.from(metadata.continue ?? '', 'base64url').toString())).toEqual({
      v: 'meta.k8s.io/v1',
      rv: store.revision(),
      start: '/core/configmaps/default/a',
    });
  });

  test.each<[string, string]>([
    ['no JSON', 'x'],
    ['no object', token([])],
    ['of another version', token({ v: 'v2', rv: 1, start: '/a' })],
    ['without a revision', token({ v: 'meta.k8s.io/v1', rv: '1', start: '/a' })],
    ['without a place', token({ v: 'meta.k8s.io/v1', rv: 1, start: 7 })],
  ])('with a token that is %s is refused', async (_what, page) => {
    const { registry } = await crowd();
    await expect(registry.list('ConfigMap', { continue: page })).rejects.toMatchObject({
      status: 400,
      message: wrong,
    });
  });

  test('takes no version beside its token, as that has one', async () => {
    const { registry } = await crowd();
    const { metadata } = await registry.list('ConfigMap', { limit: 1 });
    await expect(
      registry.list('ConfigMap', { continue: metadata.continue, resourceVersion: '1' }),
    ).rejects.toMatchObject({
      status: 400,
      message: 'specifying resource version is not allowed when using continue',
    });
    const any = { continue: metadata.continue, resourceVersion: '0' };
    expect(names(await registry.list('ConfigMap', any))).toBe('bcde');
  });
});

describe('a resourceVersion', () => {
  test.each(['x', '-1', '1.5', '1'.repeat(17), '1 ', 'a1', '1a'])(
    '%j is refused',
    async (resourceVersion) => {
      const { registry } = await crowd();
      await expect(registry.list('ConfigMap', { resourceVersion })).rejects.toMatchObject({
        status: 400,
        message: `resourceVersion: invalid value ${JSON.stringify(resourceVersion)}: expected a number`,
      });
    },
  );

  test('that is still to come is waited for in vain', async () => {
    const { registry, store } = await crowd();
    const current = store.revision();
    const later = String(current + 1);
    await expect(registry.list('ConfigMap', { resourceVersion: later })).rejects.toMatchObject({
      status: 504,
      code: 'Timeout',
      message: `Too large resource version: ${later}, current: ${current}`,
      details: {
        causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
        retryAfterSeconds: 1,
      },
    });
    const reached = await registry.list('ConfigMap', { resourceVersion: String(current) });
    expect(names(reached)).toBe('abcde');
  });

  test('that is any, by its absence, an empty text or 0, shows things as they are', async () => {
    const { registry } = await crowd();
    for (const resourceVersion of [undefined, '', '0'])
      expect(
        names(await registry.list('ConfigMap', { resourceVersion, resourceVersionMatch: 'Exact' })),
      ).toBe('abcde');
  });

  test('of the past is Expired once it is not kept', async () => {
    const { registry, store } = await crowd();
    await store.compact(store.revision());
    await expect(
      registry.list('ConfigMap', { resourceVersion: '2', resourceVersionMatch: 'Exact' }),
    ).rejects.toMatchObject({
      status: 410,
      message: `too old resource version: 2 (${store.revision()})`,
    });
  });
});
