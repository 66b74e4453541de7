import { execFileSync, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openJournal } from '../../src/messages/sqlite-journal.ts';
import { silentLog as log } from '../../src/platform/log.ts';
import { journalContract } from '../contracts/journal.ts';
import { lacks } from '../needs.ts';
import { accept, conversation, ended, event, message } from './entries.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'agentctl-journal-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
const fresh = (): string => join(folder, `${++files}.db`);

journalContract('SQLite on disk', () => openJournal(fresh(), { log }));
journalContract('SQLite in memory', () => openJournal(':memory:', { log }));

test('all is there when it is opened again, and the order of acceptance goes on', async () => {
  const path = fresh();
  const before = openJournal(path, { log });
  await before.commit([
    ...accept(message('1', { key: 'k' }), ended('2', 5)),
    event('1', 1),
    { type: 'Conversation', conversation: conversation('c') },
    { type: 'Mark', name: 'm', at: 1 },
  ]);
  const loaded = before.load();
  await before.close();
  const after = openJournal(path, { log });
  expect(after.load()).toEqual(loaded);
  expect(loaded.messages).toHaveLength(1);
  expect(after.events('1')).toHaveLength(1);
  await expect(after.commit(accept(message('3', { key: 'k' })))).rejects.toMatchObject({
    code: 'Duplicate',
  });
  await after.commit(accept(message('4')));
  expect(after.messages().map(({ id }) => id)).toEqual(['4', '2', '1']);
  await after.close();
});

test('the schema itself holds the rules', async () => {
  const path = fresh();
  const journal = openJournal(path, { log });
  await journal.commit(accept(message('1'), ended('2', 5), ended('3', 5, { state: 'Failed' })));
  await journal.close();
  const database = new DatabaseSync(path);
  const refused = (sql: string, why: RegExp) => expect(() => database.exec(sql)).toThrow(why);
  refused("UPDATE messages SET state = 'Pending' WHERE id = '2'", /final/);
  refused("UPDATE messages SET answer = 'x' WHERE id = '3'", /final/);
  refused("UPDATE messages SET state = 'Pending', retries = 1 WHERE id = '2'", /retried/);
  refused("UPDATE messages SET state = 'Completed', retries = 1 WHERE id = '3'", /retried/);
  refused("UPDATE messages SET state = 'Pending', retries = 1 WHERE id = '1'", /retried/);
  refused("UPDATE messages SET state = 'Lost' WHERE id = '1'", /CHECK/);
  refused("DELETE FROM messages WHERE id = '1'", /final/);
  database.exec("UPDATE messages SET state = 'Pending', retries = 1 WHERE id = '3'");
  database.close();
});

const crashes = Array.from({ length: 5 }, (_, round) => 20 + round * 37);
test.each(crashes)(
  'every batch that was acknowledged survives kill -9 after %i, and batches are whole',
  async (after) => {
    const path = fresh();
    const program = join(folder, `writer-${files}.mjs`);
    const source = (name: string): string => JSON.stringify(join(import.meta.dirname, name));
    writeFileSync(
      program,
      `import { openJournal } from ${source('../../src/messages/sqlite-journal.ts')};
     import { accept, event, message } from ${source('entries.ts')};
     const log = { debug() {}, info() {}, warn() {}, error() {} };
     const journal = openJournal(${JSON.stringify(path)}, { log });
     let n = 0;
     const writer = async () => {
       for (;;) {
         const id = String(n++);
         await journal.commit([...accept(message(id)), event(id, 1), event(id, 2)]);
         process.send(id);
       }
     };
     for (let i = 0; i < 5; i++) void writer();`,
    );
    const child = fork(program);
    const acknowledged: string[] = [];
    await new Promise<void>((resolve) => {
      child.on('message', (id) => {
        if (acknowledged.push(String(id)) === after) child.kill('SIGKILL');
      });
      child.on('exit', () => resolve());
    });
    const journal = openJournal(path, { log });
    const there = journal.messages().map(({ id }) => id);
    expect(acknowledged.length).toBeGreaterThanOrEqual(after);
    expect(acknowledged.filter((id) => !there.includes(id))).toEqual([]);
    expect(there.filter((id) => journal.events(id).length !== 2)).toEqual([]);
    await journal.close();
  },
);

test('a file of a newer version is refused with what to do', () => {
  const path = fresh();
  const database = new DatabaseSync(path);
  database.exec('PRAGMA user_version = 99');
  database.close();
  expect(() => openJournal(path, { log })).toThrow(
    expect.objectContaining({
      name: 'JournalError',
      code: 'TooNew',
      message: expect.stringContaining('newer agentctl'),
    }),
  );
});

test('what is no journal is called broken', () => {
  const path = fresh();
  writeFileSync(path, 'this is no database, though it is long enough to be looked at '.repeat(100));
  expect(() => openJournal(path, { log })).toThrow(expect.objectContaining({ code: 'Broken' }));
});

test('a second one on the same file is refused until the first is closed', async () => {
  const path = fresh();
  const first = openJournal(path, { log });
  await first.commit(accept(message('1')));
  expect(() => openJournal(path, { log })).toThrow(
    expect.objectContaining({ code: 'Locked', message: expect.stringContaining('second controller') }),
  );
  await first.commit(accept(message('2')));
  await first.close();
  const second = openJournal(path, { log });
  expect(second.messages()).toHaveLength(2);
  await second.close();
});

test('pruning gives the room back, and gives way to others again and again', async () => {
  const path = fresh();
  const journal = openJournal(path, { log });
  const text = 'x'.repeat(1_000);
  const many = Array.from({ length: 5_000 }, (_, n) => ended(`${n}`, n, { text }));
  await journal.commit(accept(...many, ended('talker', 1), message('open')));
  await journal.commit(Array.from({ length: 20_000 }, (_, seq) => event('talker', seq)));
  await journal.close();
  const size = statSync(path).size;
  const again = openJournal(path, { log });
  let pruning = true;
  const pruned = again.prune({ before: 10_000, bytes: 0, usageBefore: 0 }).finally(() => {
    pruning = false;
  });
  let turns = 0;
  for (; pruning; turns += 1) await setImmediate();
  expect(await pruned).toBe(5_001);
  // At a stretch each it would be a dozen; a turn for each few milliseconds is far more.
  expect(turns).toBeGreaterThan(20);
  expect(again.messages().map(({ id }) => id)).toEqual(['open']);
  await again.close();
  expect(statSync(path).size).toBeLessThan(size / 10);
});

test('what pruning had no time to remove belongs to no later message, and goes the next time', async () => {
  const path = fresh();
  const journal = openJournal(path, { log });
  await journal.commit(accept(ended('talker', 1)));
  await journal.commit(Array.from({ length: 20_000 }, (_, seq) => event('talker', seq)));
  const pruning = journal.prune({ before: 2, bytes: 0, usageBefore: 0 });
  while (journal.message('talker') !== undefined) await setImmediate();
  await journal.close();
  await pruning;
  const events = (): unknown => {
    const database = new DatabaseSync(path);
    const count = database.prepare('SELECT count(*) AS count FROM events').get()?.count;
    database.close();
    return count;
  };
  expect(events()).toBeGreaterThan(0);
  const again = openJournal(path, { log });
  await again.commit(accept(message('1')));
  expect(again.events('1')).toEqual([]);
  await again.commit([event('1', 0)]);
  await again.prune({ before: 2, bytes: 0, usageBefore: 0 });
  expect(again.events('1')).toHaveLength(1);
  await again.close();
  expect(events()).toBe(1);
});

describe.skipIf(lacks('mount'))('on a disk of its own', () => {
  const mounted = async (use: (place: string) => Promise<void>): Promise<void> => {
    const place = join(folder, `small-${++files}`);
    mkdirSync(place);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', place]);
    try {
      await use(place);
    } finally {
      execFileSync('umount', ['-l', place]);
    }
  };

  test('that is full, a batch is refused with what to do, none overtakes it, and it goes on once there is room', () =>
    mounted(async (place) => {
      const journal = openJournal(join(place, 'a.db'), { log });
      const text = 'x'.repeat(50_000);
      let written = 0;
      const fill = async (): Promise<void> => {
        for (;;) await journal.commit(accept(message(`${++written}`, { text })));
      };
      await expect(fill()).rejects.toMatchObject({
        name: 'JournalError',
        code: 'Full',
        message: expect.stringContaining('disk is full'),
      });
      expect(journal.messages()).toHaveLength(written - 1);
      const big = journal.commit(accept(message('big', { text: text.repeat(20) })));
      const small = journal.commit([{ type: 'Mark', name: 'overtaken', at: 1 }]);
      await expect(big).rejects.toMatchObject({ code: 'Full' });
      await expect(small).rejects.toMatchObject({ code: 'Full' });
      expect(journal.load().marks.size).toBe(0);
      execFileSync('mount', ['-o', 'remount,size=4m', place]);
      await journal.commit(accept(message('after', { text })));
      expect(journal.message('after')?.text).toBe(text);
      await journal.close();
    }));

  test('that cannot be written, opening it says so, and works once it can', () =>
    mounted(async (place) => {
      const path = join(place, 'a.db');
      const first = openJournal(path, { log });
      await first.commit(accept(message('1')));
      await first.close();
      execFileSync('mount', ['-o', 'remount,ro', place]);
      expect(() => openJournal(path, { log })).toThrow(
        expect.objectContaining({ code: 'Broken', message: expect.stringContaining('permissions') }),
      );
      execFileSync('mount', ['-o', 'remount,rw', place]);
      const second = openJournal(path, { log });
      await second.commit(accept(message('2')));
      expect(second.messages()).toHaveLength(2);
      await second.close();
    }));
});
