import { expect, test } from 'vitest';
import { silentLog } from '../../src/platform/log.ts';
import { Feed } from '../../src/store/feed.ts';
import { openStore } from '../../src/store/sqlite.ts';
import type { Change } from '../../src/store/store.ts';

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
  await expect(changes.next()).rejects.toMatchObject({ reason: 'Compacted' });
  await store.close();
});
