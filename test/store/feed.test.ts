import { expect, test } from 'vitest';
import { silentLog } from '../../src/platform/log.ts';
import { Feed } from '../../src/store/feed.ts';
import { openStore } from '../../src/store/sqlite.ts';
import type { Change, Keys } from '../../src/store/store.ts';

const change = (revision: number): Change => ({ type: 'Put', key: `a/${revision}`, value: '', revision });

test('a watcher that reads slowly gets every change once and in order, and holds up no memory meanwhile', async () => {
  const feed = new Feed();
  const log = [change(1)];
  const asked: number[] = [];
  const kept = (after: number): Change[] => {
    asked.push(after);
    return log.filter(({ revision }) => revision > after);
  };
  const changes = feed.watch('a/', 0, kept, new AbortController().signal)[Symbol.asyncIterator]();
  const seen = [(await changes.next()).value?.revision];
  for (let revision = 2; revision <= 5_000; revision += 1) {
    log.push(change(revision));
    feed.publish([change(revision)]);
  }
  while (seen.length < 5_000) seen.push((await changes.next()).value?.revision);
  expect(seen).toEqual(Array.from({ length: 5_000 }, (_, at) => at + 1));
  expect(asked).toEqual([0, 1]);
  await changes.return?.();
});

test('one that reads so slowly that what it lacks is no longer kept is told so', async () => {
  const store = openStore(':memory:', { log: silentLog });
  await store.put('a/x', '', 0);
  const changes = store.watch('a/', 0, new AbortController().signal)[Symbol.asyncIterator]();
  await changes.next();
  for (let revision = 1; revision <= 1_500; revision += 1) await store.put('a/x', String(revision), revision);
  await store.compact(store.revision());
  await expect(changes.next()).rejects.toMatchObject({ code: 'Compacted' });
  await store.close();
});

test('a watch of one key gets the changes of that key, and a watch of a prefix those of all', async () => {
  const feed = new Feed();
  const told: string[] = [];
  const wait = async (keys: Keys) => {
    const changes = feed.watch(keys, 0, () => [], new AbortController().signal);
    for await (const { revision } of changes) told.push(`${JSON.stringify(keys)} ${revision}`);
  };
  const waiting = [wait({ only: 'a/1' }), wait('a/')];
  for (const revision of [10, 1]) feed.publish([change(revision)]);
  feed.close();
  await Promise.all(waiting);
  expect(told.toSorted()).toEqual(['"a/" 1', '"a/" 10', '{"only":"a/1"} 1']);
});
