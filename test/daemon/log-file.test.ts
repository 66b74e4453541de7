import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogFile } from '../../src/daemon/log-file.ts';
import { controllerLog, rotatedLogs } from '../../src/platform/paths.ts';

const most = 10_000;
let folder = '';
let path = '';
let fd = -1;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agentctl-log-'));
  path = controllerLog(folder);
  fd = openSync(path, 'a');
});
afterEach(async () => {
  closeSync(fd);
  await rm(folder, { recursive: true, force: true });
});

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, n) => `line ${from + n} ${'x'.repeat(100)}`);

test('a log that is written without an end takes three files, and loses no line of them', () => {
  const file = new LogFile(path, { fd, most });
  file.rotate();
  const all = numbered(0, 1_000);
  for (const line of all) file.write(`${line}\n`);
  const files = [...rotatedLogs(path).reverse(), path];
  for (const each of files) expect(statSync(each).size).toBeLessThanOrEqual(most + 200);
  const kept = files.flatMap((each) => readFileSync(each, 'utf8').split('\n').slice(0, -1));
  expect(kept.length).toBeGreaterThan(150);
  expect(kept).toEqual(all.slice(-kept.length));
});

test('of a log that has grown without bounds before, the end is kept', () => {
  writeFileSync(
    path,
    numbered(0, 1_000)
      .map((line) => `${line}\n`)
      .join(''),
  );
  const file = new LogFile(path, { fd, most });
  file.rotate();
  file.write('new\n');
  expect(readFileSync(path, 'utf8')).toBe('new\n');
  const moved = readFileSync(rotatedLogs(path)[0], 'utf8');
  expect(moved.length).toBeLessThanOrEqual(most);
  expect(moved).toMatch(/^line \d+ x+\n/);
  expect(moved).toContain('line 999 ');
});

test('a file that somebody else gave is not touched', () => {
  const other = openSync(join(folder, 'mine.log'), 'a');
  const file = new LogFile(path, { fd: other, most });
  file.rotate();
  for (const line of numbered(0, 1_000)) file.write(`${line}\n`);
  closeSync(other);
  expect(statSync(join(folder, 'mine.log')).size).toBeGreaterThan(10 * most);
});

test('no line is longer than 64 KiB: its texts are cut, and it can still be read', () => {
  const log = new LogFile(path, { fd });
  const entry = { level: 50, time: 1, pid: 7, err: { message: 'x'.repeat(100_000) }, msg: 'it failed' };
  log.write(`${JSON.stringify(entry)}\n`);
  log.write(`${JSON.stringify({ ...entry, err: { all: Array(50_000).fill('xyz') } })}\n`);
  log.write(`${'no JSON '.repeat(10_000)}\n`);
  const [first = '', second = '', third = '', end] = readFileSync(path, 'utf8').split('\n');
  expect(end).toBe('');
  expect(JSON.parse(first)).toMatchObject({
    msg: 'it failed',
    err: { message: expect.stringMatching(/^x{4096}\.\.\. and 95904 characters more$/) },
  });
  expect(JSON.parse(second)).toMatchObject({ level: 50, pid: 7, msg: 'it failed' });
  expect(third.length).toBeLessThan(65_536);
});
