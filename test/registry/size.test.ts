import { expect, test } from 'vitest';
import { harness } from './harness.ts';

const key = { namespace: 'default', name: 'a' };
const tooLarge = { code: 'RequestEntityTooLarge' };

const map = (keys: number, text = '') => ({
  apiVersion: 'v1' as const,
  kind: 'ConfigMap' as const,
  metadata: { name: 'a' },
  data: Object.fromEntries(Array.from({ length: keys }, (_, at): [string, string] => [`k${at}`, text])),
});

test('an object with too many fields is refused, however it is written', async () => {
  const { client } = await harness();
  const large = map(10_000);
  await expect(client.create('ConfigMap', large)).rejects.toMatchObject(tooLarge);
  await expect(client.patch('ConfigMap', key, { type: 'apply', body: large })).rejects.toMatchObject(
    tooLarge,
  );
  const live = await client.create('ConfigMap', map(10));
  await expect(client.update('ConfigMap', { ...live, data: large.data })).rejects.toMatchObject(tooLarge);
  const merge = { type: 'merge', body: { data: large.data } } as const;
  await expect(client.patch('ConfigMap', key, merge)).rejects.toMatchObject(tooLarge);
  await expect(client.patch('ConfigMap', key, merge, { dryRun: true })).rejects.toMatchObject(tooLarge);
});

test('an object with too much text is refused', async () => {
  const { client } = await harness();
  const texts = { type: 'merge', body: { metadata: { annotations: { a: 'x'.repeat(200_000) } } } } as const;
  await client.create('ConfigMap', map(1, 'x'.repeat(1_000_000)));
  await client.patch('ConfigMap', key, texts);
  const binary = { type: 'merge', body: { binaryData: { b: 'x'.repeat(400_000) } } } as const;
  await expect(client.patch('ConfigMap', key, binary)).rejects.toMatchObject(tooLarge);
});

test('what appliers own counts, so that ever new names of them do not make it grow without end', async () => {
  const { client } = await harness();
  const apply = (fieldManager: string) =>
    client.patch('ConfigMap', key, { type: 'apply', body: map(2_000) }, { fieldManager });
  for (const manager of ['one', 'two', 'three']) await apply(manager);
  await expect(apply('four')).rejects.toMatchObject(tooLarge);
});

test('one that was stored before there was a bound can be changed, and may not grow', async () => {
  const { client, store } = await harness();
  const { metadata } = await client.create('ConfigMap', map(1));
  const text = JSON.stringify({ ...map(20_000), metadata });
  await store.put('/core/configmaps/default/a', text, Number(metadata.resourceVersion));
  const patch = (body: object) => client.patch('ConfigMap', key, { type: 'merge', body });
  await expect(patch({ data: { more: 'x' } })).rejects.toMatchObject(tooLarge);
  await patch({ data: { k1: 'x', k2: null, k3: null } });
  expect((await client.get('ConfigMap', key)).data).toMatchObject({ k1: 'x' });
});
