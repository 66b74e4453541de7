import { existsSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { attachLimits, type OutputLine } from '../../../src/drivers/attachment.ts';
import { type Output, openOutput } from '../../../src/drivers/process/process-attach.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { eventually, refusal } from './harness.ts';
import { type WrittenLog, writtenLog } from './written-log.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

let root = '';
let folder = '';
let log: WrittenLog;
let made = 0;
const opened: Output[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'agentctl-output-'));
  folder = join(root, 'log');
  log = writtenLog(folder);
});
afterEach(async () => {
  for (const output of opened.splice(0)) output.close();
  log.close();
  await rm(root, { recursive: true, force: true });
});

async function open(cursor?: string): Promise<Output> {
  const output = await openOutput(folder, { cursor, clock: systemClock });
  opened.push(output);
  return output;
}

/** Nothing more will come. */
function end(output: Output): void {
  log.drained();
  output.end();
}

/** All that comes until the output ends. */
async function all({ lines }: Output): Promise<OutputLine[]> {
  const found: OutputLine[] = [];
  for await (const batch of lines) found.push(...batch);
  return found;
}

/** What others wait for has its turn. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
}

const textsOf = async (output: Output): Promise<string[]> => (await all(output)).map(({ text }) => text);

describe('the output of a run', () => {
  test('is told as it grows, and half a line once it has its end', async () => {
    const output = await open();
    const iterator = output.lines[Symbol.asyncIterator]();
    const next = async () => (await iterator.next()).value?.map(({ text }: OutputLine) => text);
    log.write('one\nha');
    expect(await next()).toEqual(['one']);
    const second = next();
    log.write('lf');
    log.write('\n');
    expect(await second).toEqual(['half']);
    end(output);
    expect(await iterator.next()).toMatchObject({ done: true });
  });

  test('is read to its end though that is told before all was read', async () => {
    log.write(`${'line\n'.repeat(200_000)}last`);
    const output = await open();
    end(output);
    const texts = await textsOf(output);
    expect(texts.length).toBe(200_001);
    expect(texts.at(-1)).toBe('last');
  });

  test('comes whole and in order out of a burst of 300,000 lines', async () => {
    const output = await open();
    const reading = textsOf(output);
    for (let from = 0; from < 300_000; from += 1000) {
      const lines = Array.from({ length: 1000 }, (_, index) => `line ${from + index}\n`);
      log.write(lines.join(''));
      if (from % 20_000 === 0) await new Promise(setImmediate);
    }
    end(output);
    const texts = await reading;
    expect(texts.length).toBe(300_000);
    expect(texts.findIndex((text, index) => text !== `line ${index}`)).toBe(-1);
  });

  test('is each line once to a reader who leaves and comes back at its cursor', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(300), { maxLength: 8 }), fc.nat(9), async (stays, seed) => {
        folder = join(root, String(++made));
        log = writtenLog(folder, { maxSize: 2000 });
        const expected = Array.from(
          { length: 500 },
          (_, index) => `${index} ${'é'.repeat((index * seed) % 50)}`,
        );
        const bytes = Buffer.from(expected.map((line) => `${line}\n`).join(''));
        let written = 0;
        const write = (): void => {
          const piece = bytes.subarray(written, written + 7 + seed * 111);
          log.write(piece);
          written += piece.length;
        };
        const seen: OutputLine[] = [];
        for (const stay of stays) {
          const cursor = seen.at(-1)?.cursor;
          const output = await open(cursor);
          for (let left = stay; left > 0 && written < bytes.length; left--) write();
          const lines = (): number => bytes.subarray(0, written).filter((byte) => byte === 10).length;
          while (written < bytes.length && lines() <= seen.length) write();
          if (lines() <= seen.length) break;
          // Some lines of a batch may be dealt with, and others not.
          for await (const batch of output.lines) {
            seen.push(...batch.slice(0, 1 + (stay % batch.length)));
            break;
          }
          output.close();
        }
        while (written < bytes.length) write();
        const last = await open(seen.at(-1)?.cursor);
        end(last);
        seen.push(...(await all(last)));
        expect(seen.map(({ text }) => text)).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });

  test('that is not asked for is not read', async () => {
    const output = await open();
    const iterator = output.lines[Symbol.asyncIterator]();
    log.write('first\n');
    await iterator.next();
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    for (let index = 0; index < 64; index++) log.write(`${'x'.repeat(1024 * 1024)}\n`);
    // What the watcher tells of it has come by then.
    await turns();
    collectGarbage();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
    end(output);
    expect((await textsOf(output)).length).toBe(64);
  });

  test('cuts a line of 20 MiB, and goes on behind it', async () => {
    log.write(`${'x'.repeat(20 * 1024 * 1024)}\nnext\n`);
    const output = await open();
    end(output);
    expect(await all(output)).toEqual([
      { text: 'x'.repeat(attachLimits.cutTo), cut: 20 * 1024 * 1024, cursor: expect.any(String) },
      { text: 'next', cursor: expect.any(String) },
    ]);
  });
});

describe('output that is not what it was', () => {
  test('goes on with a gap where somebody emptied the log', async () => {
    log.write('a\nb\n');
    const output = await open();
    const iterator = output.lines[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toMatchObject([{ text: 'a' }, { text: 'b' }]);
    truncateSync(join(folder, '1'), 0);
    log.write('c\n');
    expect((await iterator.next()).value).toContainEqual(expect.objectContaining({ gap: true }));
    log.write('d\n');
    expect((await iterator.next()).value).toMatchObject([{ text: 'd' }]);
  });

  test('goes on at its end with a gap where the cursor is beyond it', async () => {
    log.write('old\n');
    const output = await open('1:1000');
    const iterator = output.lines[Symbol.asyncIterator]();
    log.write('new\n');
    expect((await iterator.next()).value).toMatchObject([{ text: '', gap: true }, { text: 'new' }]);
  });

  test('goes on with a gap at the next segment where its own was deleted', async () => {
    log = writtenLog(folder, { maxSize: 60 });
    for (const text of ['a', 'b', 'c', 'd']) log.write(`${text} is a line that fills a segment\n`);
    const first = await open();
    const [begin] = (await first.lines[Symbol.asyncIterator]().next()).value ?? [];
    first.close();
    for (const segment of ['1', '2']) rmSync(join(folder, segment));
    const output = await open(begin?.cursor);
    end(output);
    expect(await all(output)).toMatchObject([
      { text: '', gap: true },
      { text: 'c is a line that fills a segment' },
      { text: 'd is a line that fills a segment' },
    ]);
  });

  test('tells what the collector lost, in its place, and never joins what stood around it', async () => {
    log.write('whole\nhalf of one, ');
    log.gap();
    log.write('and half of another\nwhole again\n');
    const output = await open();
    end(output);
    const lines = await all(output);
    expect(lines.map(({ text, gap }) => (gap === true ? `GAP${text}` : text))).toEqual([
      'whole',
      'GAP',
      'and half of another',
      'whole again',
    ]);
  });

  test.each(['', '7', '1:', ':1', '-1:0', '1:1.5', 'abc', '1e99', '9'.repeat(20)])(
    'the cursor "%s" is refused',
    async (cursor) => {
      expect(await refusal(open(cursor))).toMatchObject({ kind: 'Terminal', code: 'InvalidCursor' });
    },
  );
});

describe('what an output holds open', () => {
  const files = () => readdirSync('/proc/self/fd').length;
  const watches = () =>
    readdirSync('/proc/self/fdinfo')
      .map((fd) =>
        existsSync(`/proc/self/fdinfo/${fd}`) ? readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8') : '',
      )
      .join('')
      .split('inotify wd:').length;

  test('goes when it is closed, ends, or its reader leaves', async () => {
    const ways: ((output: Output) => unknown)[] = [
      (output) => output.close(),
      (output) => {
        end(output);
        return all(output);
      },
      async (output) => {
        for await (const _ of output.lines) break;
      },
      async (output) => {
        const reading = all(output);
        output.close();
        await reading;
      },
    ];
    // Of a file that is watched twice there is one watch.
    const openNew = (): Promise<Output> => {
      log.close();
      folder = join(root, String(++made));
      log = writtenLog(folder);
      log.write('a\n');
      return open();
    };
    const first = await openNew();
    end(first);
    await all(first);
    const before = { files: files(), watches: watches() };
    for (let round = 0; round < 100; round++) for (const way of ways) await way(await openNew());
    await refusal(open('x'));
    // Closing takes a moment; some of what was open before may be closed by now, too.
    await eventually(() => {
      expect(files()).toBeLessThanOrEqual(before.files);
      expect(watches()).toBeLessThanOrEqual(before.watches);
    });
  });
});
