import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog as log } from '../../src/platform/log.ts';
import { openStore } from '../../src/store/sqlite.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'agentctl-identity-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const place = { machine: 'm', boot: 'b', device: '1', inode: '7' };

/** Makes a store in `place`, and opens it as if it were elsewhere. */
async function elsewhere(name: string, there: Partial<typeof place>, adopt = false) {
  const path = join(folder, `${name}.db`);
  const before = openStore(path, { log, place });
  const { id } = before;
  await before.put('/a', 'x', 0);
  await before.close();
  const open = () => openStore(path, { log, place: { ...place, ...there }, adopt });
  return { id, open };
}

test.each([
  ['opened again', {}],
  ['on a disk that has another number since the last boot', { device: '2', boot: 'c' }],
])('a store keeps its id: %s', async (name, there) => {
  const { id, open } = await elsewhere(name, there);
  const store = open();
  expect([store.id, store.copyOf]).toEqual([id, undefined]);
  await store.close();
});

test.each([
  ['in another folder', { inode: '8' }],
  ['on another disk', { device: '2' }],
  ['on another machine', { machine: 'n', boot: 'c' }],
])('a copy has an id of its own, and everything else: %s', async (name, there) => {
  const { id, open } = await elsewhere(name, there);
  const copy = open();
  expect(copy.id).not.toBe(id);
  expect((await copy.get('/a'))?.value).toBe('x');
  await copy.close();
  const again = open(); // it ended before what follows was done
  expect([again.id, again.copyOf]).toEqual([copy.id, id]);
  again.settleCopy();
  await again.close();
  const settled = open();
  expect([settled.id, settled.copyOf]).toEqual([copy.id, undefined]);
  await settled.close();
});

test('a store that was moved on purpose keeps its id, from then on in its new place', async () => {
  const there = { inode: '8' };
  const { id, open } = await elsewhere('moved', there, true);
  const store = open();
  expect([store.id, store.copyOf]).toEqual([id, undefined]);
  await store.close();
  const later = openStore(join(folder, 'moved.db'), { log, place: { ...place, ...there } });
  expect(later.id).toBe(id);
  await later.close();
});
