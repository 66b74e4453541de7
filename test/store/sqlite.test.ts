import { execFileSync, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog as log } from '../../src/platform/log.ts';
import { allVersions, migrate } from '../../src/store/migrations.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { storeContract } from '../contracts/store.ts';
import { lacks } from '../needs.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'agentctl-store-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
const fresh = (): string => join(folder, `${++files}.db`);

storeContract('SQLite on disk', () => openStore(fresh(), { log }));
storeContract('SQLite in memory', () => openStore(':memory:', { log }));

test('all is there when it is opened again, its id too, and revisions go on', async () => {
  const path = fresh();
  const before = openStore(path, { log });
  const revision = await before.put('/a', 'x', 0);
  const { id } = before;
  await before.close();
  const after = openStore(path, { log });
  expect([after.id, after.revision(), (await after.get('/a'))?.value]).toEqual([id, revision, 'x']);
  expect(await after.put('/b', 'y', 0)).toBe(revision + 1);
  await after.close();
});

test('a write that comes after the end is refused, and ends nothing else', async () => {
  const store = openStore(fresh(), { log });
  await store.close();
  await expect(store.put('/a', 'x', 0)).rejects.toThrow();
  await expect(store.delete('/a', 1)).rejects.toThrow();
});

test('a revision is never given out twice, though the newest ones were compacted away', async () => {
  const path = fresh();
  const before = openStore(path, { log });
  const one = await before.put('/a', 'x', 0);
  const gone = await before.delete('/a', one);
  await before.compact(gone + 1);
  await before.close();
  const after = openStore(path, { log });
  expect(await after.put('/a', 'x', 0)).toBeGreaterThan(gone);
  await after.close();
});

const sizeOf = (path: string): number => statSync(path).size;

test('the file shrinks once what is in it was deleted and compacted, and so does its log', async () => {
  const path = fresh();
  const store = openStore(path, { log });
  const text = 'x'.repeat(20_000);
  const made = await Promise.all(Array.from({ length: 1_000 }, (_, at) => store.put(`/a/${at}`, text, 0)));
  await store.compact(store.revision());
  const full = sizeOf(path);
  await Promise.all(made.map((revision, at) => store.delete(`/a/${at}`, revision)));
  await store.compact(store.revision());
  await store.put('/a', 'x', 0);
  await store.close();
  expect(sizeOf(path)).toBeLessThan(full / 3);
});

test('a file of before it could shrink is written anew, and keeps all that is in it', async () => {
  const path = fresh();
  const old = new DatabaseSync(path);
  old.exec('PRAGMA journal_mode = WAL');
  migrate(old, path, log);
  old.close();
  const store = openStore(path, { log });
  const { id } = store;
  await store.put('/a', 'x', 0);
  await store.close();
  const database = new DatabaseSync(path);
  expect(database.prepare('PRAGMA auto_vacuum').get()).toEqual({ auto_vacuum: 2 });
  database.close();
  const again = openStore(path, { log });
  expect([again.id, (await again.get('/a'))?.value]).toEqual([id, 'x']);
  await again.close();
});

test('the schema itself refuses a second successor of a revision', async () => {
  const path = fresh();
  const store = openStore(path, { log });
  const one = await store.put('/a', 'x', 0);
  await store.put('/a', 'y', one);
  await store.close();
  const database = new DatabaseSync(path);
  const insert = database.prepare(
    'INSERT INTO revisions (key, previous, created, deleted, value) VALUES (?, ?, 0, 0, ?)',
  );
  expect(() => insert.run('/a', one, 'z')).toThrow(/UNIQUE/);
  database.close();
});

test('every write that was acknowledged survives kill -9', async () => {
  const path = fresh();
  const program = join(folder, 'writer.mjs');
  writeFileSync(
    program,
    `import { openStore } from ${JSON.stringify(join(import.meta.dirname, '../../src/store/sqlite.ts'))};
     const log = { debug() {}, info() {}, warn() {}, error() {} };
     const store = openStore(${JSON.stringify(path)}, { log });
     for (let n = 0; ; n++) { await store.put('/k/' + n, 'v', 0); process.send(n); }`,
  );
  const child = fork(program);
  let acknowledged = -1;
  await new Promise<void>((resolve) => {
    child.on('message', (n) => {
      acknowledged = Number(n);
      if (acknowledged === 200) child.kill('SIGKILL');
    });
    child.on('exit', () => resolve());
  });
  const store = openStore(path, { log });
  const { rows } = await store.list('/k/');
  expect(acknowledged).toBeGreaterThanOrEqual(200);
  expect(rows.length).toBeGreaterThan(acknowledged);
  await store.close();
});

test('a file of a newer version is refused with what to do', () => {
  const path = fresh();
  const database = new DatabaseSync(path);
  database.exec('PRAGMA user_version = 99');
  database.close();
  expect(() => openStore(path, { log })).toThrow(
    expect.objectContaining({ code: 'TooNew', message: expect.stringContaining('newer agentctl') }),
  );
});

test('what is no store is called broken', () => {
  const path = fresh();
  writeFileSync(path, 'this is no database, though it is long enough to be looked at '.repeat(100));
  expect(() => openStore(path, { log })).toThrow(expect.objectContaining({ code: 'Broken' }));
});

describe.skipIf(lacks('mount'))('on a full disk', () => {
  const mount = (size = '1m'): string => {
    const place = join(folder, `small-${++files}`);
    mkdirSync(place);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', place]);
    return place;
  };

  test('what is there can be changed and deleted, though another program has taken the last byte', async () => {
    const place = mount('64m');
    try {
      const store = openStore(join(place, 'a.db'), { log });
      const made = await Promise.all(Array.from({ length: 50 }, (_, at) => store.put(`/a/${at}`, 'x', 0)));
      execFileSync('sh', ['-c', `cat /dev/zero > ${place}/filler 2> /dev/null || true`]);
      expect(store.isFull).toBe(true);
      await expect(store.put('/new', 'x', 0)).rejects.toMatchObject({ code: 'Full' });
      for (const [at, revision] of made.entries())
        await store.delete(`/a/${at}`, await store.put(`/a/${at}`, 'y'.repeat(2_000), revision));
      expect((await store.list('/a/')).rows).toEqual([]);
      rmSync(join(place, 'filler'));
      expect(store.isFull).toBe(false);
      await store.put('/new', 'x', 0);
      await store.close();
    } finally {
      execFileSync('umount', ['-l', place]);
    }
  });

  test('a write is refused with what to do, what was there stays, and it goes on once there is room', async () => {
    const place = mount();
    try {
      const store = openStore(join(place, 'a.db'), { log });
      const first = await store.put('/first', 'x', 0);
      const big = 'x'.repeat(100_000);
      let written = 0;
      const fill = async (): Promise<void> => {
        for (;;) await store.put(`/big/${++written}`, big, 0);
      };
      await expect(fill()).rejects.toMatchObject({
        code: 'Full',
        message: expect.stringContaining('disk is full'),
      });
      expect((await store.get('/first'))?.modRevision).toBe(first);
      expect((await store.list('/big/')).rows).toHaveLength(written - 1);
      execFileSync('mount', ['-o', 'remount,size=4m', place]);
      await store.put('/after', big, 0);
      expect((await store.get('/after'))?.value).toBe(big);
      await store.close();
    } finally {
      execFileSync('umount', ['-l', place]);
    }
  });
});

test('any sequence of writes leaves what a map would hold, and a log that replays to it', async () => {
  const key = fc.constantFrom('/a', '/b', '/c');
  const step = fc.record({ key, stale: fc.boolean(), remove: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const store = openStore(':memory:', { log });
      const model = new Map<string, { value: string; revision: number }>();
      for (const [n, { key, stale, remove }] of steps.entries()) {
        const known = model.get(key)?.revision ?? 0;
        const expected = stale ? known + 1_000 : known;
        const write = remove ? store.delete(key, expected) : store.put(key, `${n}`, expected);
        if (stale) await expect(write).rejects.toMatchObject({ code: 'Conflict' });
        else if (remove && known === 0) await expect(write).rejects.toMatchObject({ actual: 0 });
        else if (remove) {
          await write;
          model.delete(key);
        } else model.set(key, { value: `${n}`, revision: await write });
      }
      const rows = (await store.list('/')).rows.map(({ key, value, modRevision }) => [
        key,
        { value, revision: modRevision },
      ]);
      expect(new Map(rows as [string, { value: string; revision: number }][])).toEqual(model); // pairs by construction
      const replayed = new Map<string, string>();
      const controller = new AbortController();
      const last = store.revision();
      if (last > 0) {
        for await (const change of store.watch('/', 0, controller.signal)) {
          if (change.type === 'Put') replayed.set(change.key, change.value);
          else replayed.delete(change.key);
          if (change.revision === last) break;
        }
      }
      expect(replayed).toEqual(new Map([...model].map(([key, { value }]) => [key, value])));
      await store.close();
    }),
  );
});

test('a copy of the file as it was is kept before it is brought up to date', async () => {
  const path = fresh();
  const store = openStore(path, { log });
  await store.put('/a', 'x', 0);
  await store.close();
  const database = new DatabaseSync(path);
  migrate(database, path, log, [...allVersions, "UPDATE current SET value = 'newer';"]);
  expect(database.prepare('SELECT value FROM current').get()).toEqual({ value: 'newer' });
  expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: allVersions.length + 1 });
  database.close();
  const copy = openStore(`${path}.v${allVersions.length}.bak`, { log });
  expect((await copy.get('/a'))?.value).toBe('x');
  await copy.close();
});

test('a migration that fails changes nothing', () => {
  const path = fresh();
  const database = new DatabaseSync(path);
  migrate(database, path, log);
  const broken = "INSERT INTO meta (name, value) VALUES ('half', 'done'); UPDATE nowhere SET x = 1;";
  expect(() => migrate(database, path, log, [...allVersions, broken])).toThrow();
  expect(database.isTransaction).toBe(false);
  migrate(database, path, log, [...allVersions, 'CREATE TABLE mended (x);']);
  expect(database.prepare("SELECT * FROM meta WHERE name = 'half'").get()).toBeUndefined();
  database.close();
});
