import { appendFile, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LogOptions } from '../../../src/drivers/driver.ts';
import { type Ending, readLogs } from '../../../src/drivers/process/logs.ts';

let ref = '';

beforeEach(async () => {
  ref = await mkdtemp(join(tmpdir(), 'agentctl-logs-'));
});
afterEach(() => rm(ref, { recursive: true, force: true }));

/** A file of a run, last written to at that second. */
async function write(name: string, text: string, second: number): Promise<void> {
  await writeFile(join(ref, name), text);
  await utimes(join(ref, name), second, second);
}

const over: Ending = { run: 2, hasEnded: async () => true, subscribe: () => () => {} };

async function read(options: Partial<LogOptions> = {}): Promise<string[]> {
  const texts: string[] = [];
  const signal = AbortSignal.timeout(40_000);
  for await (const line of readLogs(ref, over, { follow: false, signal, ...options })) texts.push(line.text);
  return texts;
}

test('the stream that was written to last comes last', async () => {
  await write('1.out', 'one\n', 10);
  await write('1.err', 'early\n', 5);
  await write('2.out', 'two\n', 20);
  await write('2.err', 'late\n', 30);
  expect(await read()).toEqual(['early', 'one', 'two', 'late']);
});

test.each([
  [0, []],
  [1, ['d']],
  [2, ['c', 'd']],
  [3, ['b', 'c', 'd']],
  [4, ['a', 'b', 'c', 'd']],
  [9, ['a', 'b', 'c', 'd']],
])('the last %d lines are counted over all files', async (tail, lines) => {
  await write('1.out', 'a\nb\n', 10);
  await write('2.out', 'c\nd', 20);
  await write('2.err', '', 21);
  expect(await read({ tail })).toEqual(lines);
  expect(await read({ tail, follow: true })).toEqual(lines);
});

test('the last line is found behind more than one block of another', async () => {
  const long = 'x'.repeat(200_000);
  await write('2.out', `a\n${long}\nb\n`, 20);
  expect(await read({ tail: 2 })).toEqual([long, 'b']);
});

test('since leaves out files last written to before it', async () => {
  await write('1.out', 'a\n', 10);
  await write('2.out', 'b\n', 20);
  expect(await read({ since: 15_000 })).toEqual(['b']);
});

test('a follower gets what is written later, and the rest when the run ends', async () => {
  await write('2.out', 'a\n', 20);
  await write('2.err', '', 20);
  let ended = false;
  let ring = (): void => {};
  const live: Ending = {
    run: 2,
    hasEnded: async () => ended,
    subscribe: (callback) => {
      ring = callback;
      return () => {};
    },
  };
  const texts: string[] = [];
  for await (const line of readLogs(ref, live, { follow: true, signal: AbortSignal.timeout(40_000) })) {
    texts.push(line.text);
    if (line.text === 'a') await appendFile(join(ref, '2.err'), 'b\n');
    if (line.text !== 'b') continue;
    await appendFile(join(ref, '2.out'), 'c\nunfinished');
    ended = true;
    ring();
  }
  expect(texts).toEqual(['a', 'b', 'c', 'unfinished']);
});
