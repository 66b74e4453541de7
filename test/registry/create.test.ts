import { describe, expect, test, vi } from 'vitest';
import { StoreError } from '../../src/store/store.ts';
import { harness } from './harness.ts';

const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }) as const;
const generated = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'job-' } } as const;

const reasons: readonly StoreError['code'][] = ['Full', 'Locked', 'Broken', 'Compacted'];

describe('an object that the store does not take', () => {
  test.each(reasons)('because it is %s is not said to exist already', async (reason) => {
    const { client, store } = await harness();
    const put = vi.spyOn(store, 'put').mockRejectedValue(new StoreError(reason, 'the store says no'));
    for (const body of [configMap('a'), generated]) {
      const error = await client.create('ConfigMap', body).catch((caught: unknown) => caught);
      expect(error).not.toMatchObject({ code: 'AlreadyExists' });
      expect(error).toBeInstanceOf(Error);
    }
    expect(put).toHaveBeenCalledTimes(2); // a new name would not help
  });

  test('because its name is taken is said to exist already', async () => {
    const { client } = await harness();
    await client.create('ConfigMap', configMap('a'));
    await expect(client.create('ConfigMap', configMap('a'))).rejects.toMatchObject({
      status: 409,
      code: 'AlreadyExists',
      message: 'configmaps "a" already exists',
      details: { name: 'a', group: '', kind: 'configmaps' },
    });
  });
});

describe('a name that the server makes', () => {
  test('is made anew where it is taken', async () => {
    const { client, store } = await harness();
    const { put } = store;
    const taken = new StoreError('Conflict', 'taken', { actual: 1 });
    let tries = 0;
    vi.spyOn(store, 'put').mockImplementation((...args) => {
      tries += 1;
      return tries < 8 ? Promise.reject(taken) : put.apply(store, args);
    });
    const { metadata } = await client.create('ConfigMap', generated);
    expect(metadata.name).toMatch(/^job-[a-z0-9]{5}$/);
    expect(tries).toBe(8);
  });

  test('is given up after eight that are taken', async () => {
    const { client, store } = await harness();
    const put = vi.spyOn(store, 'put').mockRejectedValue(new StoreError('Conflict', 'taken', { actual: 1 }));
    await expect(client.create('ConfigMap', generated)).rejects.toMatchObject({ code: 'AlreadyExists' });
    expect(put).toHaveBeenCalledTimes(8);
  });

  test('keeps 58 characters of the prefix, so that it is at most 63 long', async () => {
    const { client } = await harness();
    const long = { ...generated, metadata: { generateName: 'a'.repeat(70) } };
    const { metadata } = await client.create('ConfigMap', long);
    expect(metadata.name).toMatch(/^a{58}[a-z0-9]{5}$/);
  });

  test('takes the place of one that is empty', async () => {
    const { registry } = await harness();
    const empty = { ...generated, metadata: { name: '', generateName: 'job-' } };
    expect((await registry.create('ConfigMap', {}, empty)).metadata.name).toMatch(/^job-/);
  });

  test('does not take the place of the name that was given', async () => {
    const { client } = await harness();
    const both = { ...generated, metadata: { name: 'own', generateName: 'job-' } };
    expect((await client.create('ConfigMap', both)).metadata.name).toBe('own');
  });
});
