import { mkdtemp, rm, truncate, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LogLine, LogOptions } from '../../../src/drivers/driver.ts';
import { logFolder } from '../../../src/drivers/process/layout.ts';
import { type Ending, readLogs } from '../../../src/drivers/process/process-logs.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { damage, type WrittenLog, writtenLog } from './written-log.ts';

let ref = '';

beforeEach(async () => {
  ref = await mkdtemp(join(tmpdir(), 'agentctl-logs-'));
});
afterEach(() => rm(ref, { recursive: true, force: true }));

/** The log of a run; `ref` has the marks of that run too. */
function logOf(run: number, limits = {}): WrittenLog {
  writtenLog(join(ref, String(run)));
  return writtenLog(logFolder(ref, run), limits);
}

const over: Ending = { run: 2, hasEnded: async () => true, subscribe: () => () => {} };

async function linesOf(options: Partial<LogOptions> = {}, ending = over): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  const signal = AbortSignal.timeout(40_000);
  for await (const line of readLogs(ref, ending, systemClock, { follow: false, signal, ...options }))
    lines.push(line);
  return lines;
}

const read = async (options: Partial<LogOptions> = {}): Promise<string[]> =>
  (await linesOf(options)).map(({ text }) => text);

/** A run that has not ended until the test says so. */
function living(run: number): { ending: Ending; end(): void } {
  let isOver = false;
  let ring = (): void => {};
  const ending: Ending = {
    run,
    hasEnded: async () => isOver,
    subscribe(callback) {
      ring = callback;
      return () => {};
    },
  };
  return {
    ending,
    end() {
      isOver = true;
      ring();
    },
  };
}

test('both streams of all runs are told in the order in which they were written, with their times', async () => {
  const [first, second] = [logOf(1), logOf(2)];
  first.write('1 out\n', { second: 1 });
  first.write('2 err\n', { second: 2, stream: 'stderr' });
  first.drained();
  second.write('3 out\n', { second: 3 });
  second.write('4 err\n', { second: 4, stream: 'stderr' });
  second.write('5 out\n', { second: 5 });
  second.drained();
  expect(await linesOf()).toEqual([
    { stream: 'stdout', at: 1000, text: '1 out' },
    { stream: 'stderr', at: 2000, text: '2 err' },
    { stream: 'stdout', at: 3000, text: '3 out' },
    { stream: 'stderr', at: 4000, text: '4 err' },
    { stream: 'stdout', at: 5000, text: '5 out' },
  ]);
  expect(await read({ tail: 3 })).toEqual(['3 out', '4 err', '5 out']);
  expect(await read({ run: { number: 1, startedAt: 0 } })).toEqual(['1 out', '2 err']);
});

test.each([
  [0, []],
  [1, ['d']],
  [2, ['c', 'd']],
  [3, ['b', 'c', 'd']],
  [4, ['a', 'b', 'c', 'd']],
  [9, ['a', 'b', 'c', 'd']],
])('the last %d lines are counted over all runs', async (tail, lines) => {
  logOf(1).write('a\nb\n');
  const log = logOf(2);
  log.write('c\nd\n');
  log.drained();
  expect(await read({ tail })).toEqual(lines);
  expect(await read({ tail, follow: true })).toEqual(lines);
});

test('the last line is found behind more than one block of another, which comes in pieces', async () => {
  const long = 'x'.repeat(400_000);
  const log = logOf(2);
  log.write(`a\n${long}\nb\n`);
  log.drained();
  expect(await read({ tail: 2 })).toEqual([long, 'b']);
});

test('since is exact to the millisecond, within one run and one file', async () => {
  const log = logOf(2);
  log.write('a\n', { second: 10 });
  log.write('b\n', { second: 10.001 });
  log.write('c\n', { second: 11 });
  log.drained();
  expect(await read({ since: 10_001 })).toEqual(['b', 'c']);
  expect(await read({ since: 10_001, tail: 5 })).toEqual(['b', 'c']);
});

test('since passes over segments that were last written to before it', async () => {
  const log = logOf(1);
  log.write('a\n', { second: 10 });
  await utimes(join(logFolder(ref, 1), '1'), 10, 10);
  const next = logOf(2);
  next.write('b\n', { second: 20 });
  next.drained();
  expect(await read({ since: 15_000 })).toEqual(['b']);
});

test('a line whose end has not come is told where the log ends', async () => {
  const log = logOf(2);
  log.write('a\nhalf ');
  log.write('a line');
  log.drained();
  expect(await read()).toEqual(['a', 'half a line']);
});

test('a gap is told in its place, behind what is left of the line before it', async () => {
  const log = logOf(2);
  log.write('a\nhal');
  log.gap();
  log.write('b\n');
  log.drained();
  expect(await read()).toEqual(['a', 'hal', '[agentctl: output may have been lost here]', 'b']);
});

test('what somebody wrote into a log is told as a gap, and what follows is read', async () => {
  const log = logOf(2);
  log.write('a\n');
  damage(logFolder(ref, 2), 1, 'this is no record\n');
  log.write('b\n');
  log.drained();
  const texts = await read();
  expect(texts[0]).toBe('a');
  expect(texts.at(-1)).toBe('b');
  expect(texts).toContain('[agentctl: output may have been lost here]');
});

describe('a follower', () => {
  test('gets what is written later, over several segments, and the rest when the run ends', async () => {
    const log = logOf(2, { maxSize: 200 });
    log.write('a\n');
    const { ending, end } = living(2);
    const texts: string[] = [];
    const signal = AbortSignal.timeout(40_000);
    for await (const { text } of readLogs(ref, ending, systemClock, { follow: true, signal })) {
      texts.push(text);
      if (text === 'a') for (let n = 0; n < 20; n++) log.write(`${n}\n`, { stream: 'stderr' });
      if (text !== '19') continue;
      log.write('c\nunfinished');
      log.drained();
      end();
    }
    expect(texts).toEqual(['a', ...Array.from({ length: 20 }, (_, n) => String(n)), 'c', 'unfinished']);
  });

  test('waits for a run that has ended until its log is complete', async () => {
    const log = logOf(2);
    log.write('a\n');
    const { ending, end } = living(2);
    end();
    const texts: string[] = [];
    const signal = AbortSignal.timeout(40_000);
    for await (const { text } of readLogs(ref, ending, systemClock, { follow: true, signal })) {
      texts.push(text);
      if (text !== 'a') continue;
      log.write('last words\n');
      log.drained();
    }
    expect(texts).toEqual(['a', 'last words']);
  });

  test('goes on after the log was truncated, and says that something is missing', async () => {
    const log = logOf(2);
    log.write('a\n');
    const { ending, end } = living(2);
    const texts: string[] = [];
    const signal = AbortSignal.timeout(40_000);
    for await (const { text } of readLogs(ref, ending, systemClock, { follow: true, signal })) {
      texts.push(text);
      if (text === 'a') {
        await truncate(join(logFolder(ref, 2), '1'), 0);
        log.write('b\n');
      }
      if (text !== 'b') continue;
      log.drained();
      end();
    }
    expect(texts.filter((text) => !text.startsWith('[agentctl'))).toEqual(['a', 'b']);
    expect(texts).toContain('[agentctl: output may have been lost here]');
  });

  test('is told the last lines first, and then what comes', async () => {
    const log = logOf(2);
    log.write('a\nb\nc\n');
    const { ending, end } = living(2);
    const texts: string[] = [];
    const signal = AbortSignal.timeout(40_000);
    for await (const { text } of readLogs(ref, ending, systemClock, { follow: true, tail: 1, signal })) {
      texts.push(text);
      if (text === 'c') log.write('d\n');
      if (text !== 'd') continue;
      log.drained();
      end();
    }
    expect(texts).toEqual(['c', 'd']);
  });
});
