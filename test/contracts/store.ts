import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Change, Store } from '../../src/store/store.ts';

/** What every Store must keep. `open` gives an empty one. */
export function storeContract(name: string, open: () => Store): void {
  describe(`${name} keeps the contract of Store`, () => {
    let store: Store;
    beforeEach(() => {
      store = open();
    });
    afterEach(() => store.close());

    const conflict = (actual: number) => expect.objectContaining({ code: 'Conflict', actual });

    test('a write is read back with its revisions', async () => {
      const first = await store.put('/a/1', 'one', 0);
      expect(await store.get('/a/1')).toEqual({
        key: '/a/1',
        value: 'one',
        createRevision: first,
        modRevision: first,
      });
      const second = await store.put('/a/1', 'two', first);
      expect(second).toBeGreaterThan(first);
      expect(store.revision()).toBe(second);
      expect(await store.get('/a/1')).toEqual({
        key: '/a/1',
        value: 'two',
        createRevision: first,
        modRevision: second,
      });
      expect(await store.get('/a')).toBeUndefined();
    });

    test('a write that expects what is no longer so is refused, and tells what is', async () => {
      const first = await store.put('/a/1', 'one', 0);
      await expect(store.put('/a/1', 'again', 0)).rejects.toEqual(conflict(first));
      const second = await store.put('/a/1', 'two', first);
      await expect(store.put('/a/1', 'late', first)).rejects.toEqual(conflict(second));
      await expect(store.delete('/a/1', first)).rejects.toEqual(conflict(second));
      await expect(store.put('/a/2', 'x', 7)).rejects.toEqual(conflict(0));
      expect((await store.get('/a/1'))?.value).toBe('two');
    });

    test('a write before the end is kept, and one after it is refused', async () => {
      const kept = store.put('/a/1', 'one', 0);
      const closed = store.close();
      const refused = expect.objectContaining({
        code: 'Broken',
        message: expect.stringContaining('is closed'),
      });
      await expect(store.put('/a/2', 'two', 0)).rejects.toEqual(refused);
      await expect(kept).resolves.toBe(1);
      await closed;
      await expect(store.delete('/a/1', 1)).rejects.toEqual(refused);
    });

    test('of writes at the same time that expect the same, exactly one wins', async () => {
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, (_, n) => store.put('/a/1', `${n}`, 0)),
      );
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    test('a write that loses takes none of its neighbours with it', async () => {
      await store.put('/a/1', 'one', 0);
      const results = await Promise.allSettled([
        store.put('/a/2', 'x', 0),
        store.put('/a/1', 'x', 0),
        store.put('/a/3', 'x', 0),
      ]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect((await store.list('/a/')).rows.map(({ key }) => key)).toEqual(['/a/1', '/a/2', '/a/3']);
    });

    test('what is deleted is gone, and its key can be made anew', async () => {
      const first = await store.put('/a/1', 'one', 0);
      const gone = await store.delete('/a/1', first);
      expect(await store.get('/a/1')).toBeUndefined();
      const again = await store.put('/a/1', 'two', 0);
      expect(again).toBeGreaterThan(gone);
      expect((await store.get('/a/1'))?.createRevision).toBe(again);
    });

    test('a list gives the prefix alone, by key, in pages', async () => {
      for (const key of ['/b/1', '/a/3', '/a/1', '/a/2', '/ab']) await store.put(key, key, 0);
      const page = await store.list('/a/', { limit: 2 });
      expect(page).toMatchObject({ more: true, remaining: 1, revision: store.revision() });
      expect(page.rows.map(({ key }) => key)).toEqual(['/a/1', '/a/2']);
      const rest = await store.list('/a/', { limit: 2, after: '/a/2', revision: page.revision });
      expect(rest).toMatchObject({ more: false, remaining: 0 });
      expect(rest.rows.map(({ key }) => key)).toEqual(['/a/3']);
    });

    test('a list and a watch of one key alone are of that key, and of none that begins with it', async () => {
      const { signal } = new AbortController();
      for (const key of ['/a/1', '/a/10', '/a/0']) await store.put(key, key, 0);
      const only = { only: '/a/1' };
      const { rows, more, revision } = await store.list(only, { limit: 1 });
      expect(rows.map(({ key }) => key)).toEqual(['/a/1']);
      expect([more, revision]).toEqual([false, store.revision()]);
      expect((await store.list(only, { after: '/a/1' })).rows).toEqual([]);
      expect((await store.list(only, { after: '/a/0' })).rows).toHaveLength(1);
      expect((await store.list(only, { revision: 1 })).rows).toHaveLength(1);
      const watching = take(store.watch(only, 0, signal), 2);
      await store.put('/a/11', 'other', 0);
      await store.put('/a/1', 'two', 1);
      expect((await watching).map(({ value }) => value)).toEqual(['/a/1', 'two']);
    });

    test('a list at an earlier revision shows what was there then', async () => {
      const one = await store.put('/a/1', 'one', 0);
      const then = await store.put('/a/2', 'two', 0);
      await store.put('/a/1', 'changed', one);
      await store.delete('/a/2', then);
      await store.put('/a/3', 'three', 0);
      const { rows, revision } = await store.list('/a/', { revision: then });
      expect(revision).toBe(then);
      expect(rows.map(({ key, value }) => [key, value])).toEqual([
        ['/a/1', 'one'],
        ['/a/2', 'two'],
      ]);
      expect(rows[0]?.createRevision).toBe(one);
    });

    async function take(changes: AsyncIterable<Change>, count: number): Promise<Change[]> {
      const taken: Change[] = [];
      if (count === 0) return taken;
      for await (const change of changes) {
        taken.push(change);
        if (taken.length === count) break;
      }
      return taken;
    }

    test('a watch gives first what is kept, then what comes, in order and once', async () => {
      const { signal } = new AbortController();
      const since = store.revision();
      const one = await store.put('/a/1', 'one', 0);
      await store.put('/b/1', 'other', 0);
      const watching = take(store.watch('/a/', since, signal), 4);
      const two = await store.put('/a/1', 'two', one);
      const gone = await store.delete('/a/1', two);
      const again = await store.put('/a/1', 'three', 0);
      expect(await watching).toEqual([
        { type: 'Put', key: '/a/1', value: 'one', revision: one },
        { type: 'Put', key: '/a/1', value: 'two', previous: 'one', revision: two },
        { type: 'Delete', key: '/a/1', value: 'two', previous: 'two', revision: gone },
        { type: 'Put', key: '/a/1', value: 'three', revision: again },
      ]);
    });

    test('the same changes are told alike, kept or live', async () => {
      const { signal } = new AbortController();
      const live = take(store.watch('/a/', 0, signal), 3);
      await new Promise((resolve) => setImmediate(resolve));
      const one = await store.put('/a/1', 'one', 0);
      await store.delete('/a/1', one);
      await store.put('/a/1', 'two', 0);
      expect(await take(store.watch('/a/', 0, signal), 3)).toEqual(await live);
    });

    test('a watch ends when its signal aborts', async () => {
      const controller = new AbortController();
      const watching = take(store.watch('/a/', 0, controller.signal), 1);
      controller.abort();
      expect(await watching).toEqual([]);
    });

    test('after compaction the newest state stays; older lists and watches are refused', async () => {
      const one = await store.put('/a/1', 'one', 0);
      const two = await store.put('/a/1', 'two', one);
      const gone = await store.put('/a/2', 'x', 0);
      await store.delete('/a/2', gone);
      const last = await store.put('/a/3', 'three', 0);
      await store.compact(last);
      expect((await store.list('/a/')).rows.map(({ value }) => value)).toEqual(['two', 'three']);
      const compacted = expect.objectContaining({ code: 'Compacted' });
      await expect(store.list('/a/', { revision: two })).rejects.toEqual(compacted);
      await expect(take(store.watch('/a/', one, new AbortController().signal), 1)).rejects.toEqual(compacted);
      const watching = take(store.watch('/a/', last, new AbortController().signal), 1);
      await store.put('/a/1', 'three', two);
      expect(await watching).toMatchObject([{ value: 'three', previous: 'two' }]);
    });

    test('compaction leaves whole the state at its revision, and every change after it', async () => {
      const { signal } = new AbortController();
      const one = await store.put('/a/1', 'one', 0);
      const gone = await store.put('/a/2', 'x', 0);
      const kept = await store.put('/a/3', 'three', 0);
      const two = await store.put('/a/1', 'two', one);
      const deleted = await store.delete('/a/2', gone);
      await store.compact(kept);
      const then = await store.list('/a/', { revision: kept });
      expect(then.rows.map(({ key, value }) => [key, value])).toEqual([
        ['/a/1', 'one'],
        ['/a/2', 'x'],
        ['/a/3', 'three'],
      ]);
      expect(await take(store.watch('/a/', kept, signal), 2)).toEqual([
        { type: 'Put', key: '/a/1', value: 'two', previous: 'one', revision: two },
        { type: 'Delete', key: '/a/2', value: 'x', previous: 'x', revision: deleted },
      ]);
    });
  });
}
