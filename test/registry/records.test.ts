import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { kindInfo } from '../../src/api/kinds.ts';
import { silentLog } from '../../src/platform/log.ts';
import type { AnyResource } from '../../src/registry/object.ts';
import { OwnerIndex, Records, retried } from '../../src/registry/records.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { StoreError } from '../../src/store/store.ts';

const info = kindInfo('ConfigMap');
const path = (name: string): string => `/core/configmaps/default/${name}`;
const configMap = (name: string, data: Record<string, string> = {}): AnyResource => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name,
    namespace: 'default',
    uid: `uid-${name}`,
    resourceVersion: '',
    creationTimestamp: '2026-03-01T12:00:00Z',
  },
  data,
});

function opened() {
  const store = openStore(':memory:', { log: silentLog });
  onTestFinished(() => store.close());
  const get = vi.spyOn(store, 'get');
  return { store, get, records: new Records(store) };
}

describe('an object', () => {
  test('that was written is at hand, with the revision of its write', async () => {
    const { records, get, store } = opened();
    const written = await records.write(info, configMap('a'), undefined);
    expect(written.metadata.resourceVersion).toBe(String(store.revision()));
    expect(await records.read(info, { name: 'a' })).toBe(written);
    expect(records.at(path('a'), store.revision())).toBe(written);
    expect(records.at(path('a'), store.revision() + 1)).toBeUndefined();
    expect(records.at(path('b'), store.revision())).toBeUndefined();
    expect(get).not.toHaveBeenCalled();
    expect(JSON.parse((await store.get(path('a')))?.value ?? '')).not.toHaveProperty(
      'metadata.resourceVersion',
    );
  });

  test('is read from the store once', async () => {
    const { records, get, store } = opened();
    await new Records(store).write(info, configMap('a'), undefined);
    const read = await records.read(info, { namespace: 'default', name: 'a' });
    expect(read?.metadata).toMatchObject({ name: 'a', resourceVersion: String(store.revision()) });
    expect(await records.read(info, { name: 'a' })).toBe(read);
    expect(get).toHaveBeenCalledTimes(1);
  });

  test('that is not there is asked for each time', async () => {
    const { records, get } = opened();
    expect(await records.read(info, { name: 'a' })).toBeUndefined();
    expect(await records.read(info, { name: 'a' })).toBeUndefined();
    expect(get).toHaveBeenCalledTimes(2);
  });

  test('that was removed is not at hand any more, and its end has a revision', async () => {
    const { records, store } = opened();
    const written = await records.write(info, configMap('a'), undefined);
    const removed = await records.remove(info, written);
    expect(removed.metadata.resourceVersion).toBe(String(store.revision()));
    expect(await records.read(info, { name: 'a' })).toBeUndefined();
  });

  test('that is too large is read each time', async () => {
    const { records, get } = opened();
    await records.write(info, configMap('a', { a: 'x'.repeat(17_000) }), undefined);
    await records.read(info, { name: 'a' });
    await records.read(info, { name: 'a' });
    expect(get).toHaveBeenCalledTimes(2);
  });

  test('is forgotten when two thousand others were used since', async () => {
    const { records, get } = opened();
    const write = (name: string) => records.write(info, configMap(name), undefined);
    await write('kept');
    await write('old');
    for (let n = 0; n < 1_998; n += 1) {
      await write(`n${n}`);
      await records.read(info, { name: 'kept' });
    }
    await records.read(info, { name: 'old' });
    expect(get).not.toHaveBeenCalled();
    await write('one-more');
    await write('and-another');
    await records.read(info, { name: 'kept' });
    await records.read(info, { name: 'old' });
    expect(get).not.toHaveBeenCalled();
    await records.read(info, { name: 'n0' });
    expect(get).toHaveBeenCalledTimes(1);
  });

  test('that is written while it is read is not remembered as it was', async () => {
    const { records, store, get } = opened();
    const other = new Records(store);
    const first = await other.write(info, configMap('a', { a: '1' }), undefined);
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    const row = await store.get(path('a'));
    get.mockImplementationOnce(async () => {
      await held;
      return row;
    });
    const reading = records.read(info, { name: 'a' });
    const written = await records.write(info, { ...first, data: { a: '2' } }, first);
    letGo();
    expect((await reading)?.data).toEqual({ a: '1' });
    expect(await records.read(info, { name: 'a' })).toBe(written);
  });

  test('that is read twice at once is remembered by the later read', async () => {
    const { records, store, get } = opened();
    await new Records(store).write(info, configMap('a', { a: '1' }), undefined);
    const [one, other] = await Promise.all([
      records.read(info, { name: 'a' }),
      records.read(info, { name: 'a' }),
    ]);
    expect(one).not.toBe(other);
    expect(await records.read(info, { name: 'a' })).toBe(other);
    expect(get).toHaveBeenCalledTimes(2);
  });

  test('of which a write fails is read again', async () => {
    const { records, get } = opened();
    const written = await records.write(info, configMap('a'), undefined);
    const stale = { ...written, metadata: { ...written.metadata, resourceVersion: '99' } };
    await expect(records.write(info, configMap('a'), stale)).rejects.toMatchObject({ code: 'Conflict' });
    await records.read(info, { name: 'a' });
    expect(get).toHaveBeenCalledTimes(1);
    await expect(records.remove(info, stale)).rejects.toMatchObject({ code: 'Conflict' });
    await records.read(info, { name: 'a' });
    expect(get).toHaveBeenCalledTimes(2);
  });
});

describe('who follows', () => {
  test('is told of all that is there at the start, and of each write and removal since', async () => {
    const { records, store } = opened();
    await new Records(store).write(info, configMap('a'), undefined);
    const told: string[] = [];
    await records.start([info], {
      written: (key) => void told.push(`written ${key}`),
      removed: (key) => void told.push(`removed ${key}`),
    });
    const written = await records.write(info, configMap('b'), undefined);
    await records.remove(info, written);
    expect(told).toEqual([`written ${path('a')}`, `written ${path('b')}`, `removed ${path('b')}`]);
    expect(records.owners.exists('uid-a')).toBe(true);
    expect(records.owners.exists('uid-b')).toBe(false);
  });
});

describe('a write to a full disk', () => {
  test('says what to do, by a write and by a removal; other failures stay what they are', async () => {
    const { records, store } = opened();
    const written = await records.write(info, configMap('a'), undefined);
    const full = new StoreError('Full', 'no space');
    vi.spyOn(store, 'put').mockRejectedValueOnce(full).mockRejectedValueOnce(new StoreError('Broken', 'b'));
    vi.spyOn(store, 'delete').mockRejectedValueOnce(full);
    const expected = {
      code: 'InternalError',
      message:
        'nothing was written, because the disk with the state folder is full: free some space and try again',
      cause: full,
    };
    await expect(records.write(info, configMap('b'), undefined)).rejects.toMatchObject(expected);
    await expect(records.write(info, configMap('b'), undefined)).rejects.toMatchObject({ code: 'Broken' });
    await expect(records.remove(info, written)).rejects.toMatchObject(expected);
  });
});

describe('a change that is tried', () => {
  test('is tried again for as long as others write in between', async () => {
    let tries = 0;
    const attempt = async (): Promise<number> => {
      tries += 1;
      if (tries < 4) throw new StoreError('Conflict', 'moved on');
      return tries;
    };
    expect(await retried(attempt)).toBe(4);
  });

  test('is not tried again for any other reason', async () => {
    const attempt = vi.fn().mockRejectedValue(new StoreError('Full', 'full'));
    await expect(retried(attempt)).rejects.toMatchObject({ code: 'Full' });
    attempt.mockRejectedValue(Object.assign(new Error('no store'), { code: 'Conflict' }));
    await expect(retried(attempt)).rejects.toThrow('no store');
    expect(attempt).toHaveBeenCalledTimes(2);
  });
});

describe('the index of owners', () => {
  const owned = (name: string, ...uids: string[]): AnyResource => {
    const one = configMap(name);
    const ownerReferences = uids.map((uid) => ({ apiVersion: 'v1', kind: 'ConfigMap', name: uid, uid }));
    return { ...one, metadata: { ...one.metadata, ...(uids.length === 0 ? {} : { ownerReferences }) } };
  };

  test('knows who is there, where, and who depends on whom', () => {
    const index = new OwnerIndex();
    index.set('/a', owned('a'));
    index.set('/b', owned('b', 'uid-a', 'uid-x'));
    index.set('/c', owned('c', 'uid-a'));
    expect(index.exists('uid-a')).toBe(true);
    expect(index.exists('uid-x')).toBe(false);
    expect(index.keyOf('uid-b')).toBe('/b');
    expect(index.dependents('uid-a')).toEqual(['/b', '/c']);
    expect(index.dependents('uid-x')).toEqual(['/b']);
    expect(index.dependents('uid-b')).toEqual([]);
  });

  test('follows what changes its owners, and what goes', () => {
    const index = new OwnerIndex();
    index.set('/b', owned('b', 'uid-a', 'uid-x'));
    index.set('/b', owned('b', 'uid-y'));
    expect(['uid-a', 'uid-x', 'uid-y'].map((uid) => index.dependents(uid))).toEqual([[], [], ['/b']]);
    index.set('/b', owned('b'));
    expect(index.dependents('uid-y')).toEqual([]);
    index.set('/b', owned('b', 'uid-a'));
    index.delete('/b', owned('b', 'uid-a'));
    expect([index.exists('uid-b'), index.dependents('uid-a')]).toEqual([false, []]);
  });
});
