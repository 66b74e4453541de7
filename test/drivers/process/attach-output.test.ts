import { appendFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { attachLimits, type OutputLine } from '../../../src/drivers/driver.ts';
import { type Output, openOutput } from '../../../src/drivers/process/attach-output.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { eventually, refusal } from './harness.ts';

let folder = '';
let path = '';
const opened: Output[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agentctl-output-'));
  path = join(folder, '1.out');
  writeFileSync(path, '');
});
afterEach(async () => {
  for (const output of opened.splice(0)) output.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(cursor?: string): Promise<Output> {
  const output = await openOutput(path, { cursor, clock: systemClock });
  opened.push(output);
  return output;
}

/** All that comes until the output ends. */
async function all({ lines }: Output): Promise<OutputLine[]> {
  const found: OutputLine[] = [];
  for await (const batch of lines) found.push(...batch);
  return found;
}

const textsOf = async (output: Output): Promise<string[]> => (await all(output)).map(({ text }) => text);

describe('the output of a run', () => {
  test('is told as it grows, and half a line once it has its end', async () => {
    const output = await open();
    const iterator = output.lines[Symbol.asyncIterator]();
    const next = async () => (await iterator.next()).value?.map(({ text }: OutputLine) => text);
    appendFileSync(path, 'one\nha');
    expect(await next()).toEqual(['one']);
    const second = next();
    appendFileSync(path, 'lf');
    appendFileSync(path, '\n');
    expect(await second).toEqual(['half']);
    output.end();
    expect(await iterator.next()).toMatchObject({ done: true });
  });

  test('is read to its end though that is told before all was read', async () => {
    writeFileSync(path, `${'line\n'.repeat(200_000)}last`);
    const output = await open();
    output.end();
    const texts = await textsOf(output);
    expect(texts.length).toBe(200_001);
    expect(texts.at(-1)).toBe('last');
  });

  test('comes whole and in order out of a burst of 300,000 lines', async () => {
    const output = await open();
    const reading = textsOf(output);
    for (let from = 0; from < 300_000; from += 1000) {
      const lines = Array.from({ length: 1000 }, (_, index) => `line ${from + index}\n`);
      appendFileSync(path, lines.join(''));
      if (from % 20_000 === 0) await new Promise(setImmediate);
    }
    output.end();
    const texts = await reading;
    expect(texts.length).toBe(300_000);
    expect(texts.findIndex((text, index) => text !== `line ${index}`)).toBe(-1);
  });

  test('is each line once to a reader who leaves and comes back at its cursor', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(300), { maxLength: 8 }), fc.nat(9), async (stays, seed) => {
        writeFileSync(path, '');
        const expected = Array.from(
          { length: 500 },
          (_, index) => `${index} ${'é'.repeat((index * seed) % 50)}`,
        );
        const bytes = Buffer.from(expected.map((line) => `${line}\n`).join(''));
        let written = 0;
        const write = (): void => {
          const piece = bytes.subarray(written, written + 7 + seed * 111);
          appendFileSync(path, piece);
          written += piece.length;
        };
        const seen: OutputLine[] = [];
        for (const stay of stays) {
          const cursor = seen.at(-1)?.cursor;
          const output = await open(cursor);
          for (let left = stay; left > 0 && written < bytes.length; left--) write();
          while (written < bytes.length && !bytes.subarray(Number(cursor ?? 0), written).includes(10))
            write();
          if (!bytes.subarray(Number(cursor ?? 0), written).includes(10)) break;
          // Some lines of a batch may be dealt with, and others not.
          for await (const batch of output.lines) {
            seen.push(...batch.slice(0, 1 + (stay % batch.length)));
            break;
          }
          output.close();
        }
        while (written < bytes.length) write();
        const last = await open(seen.at(-1)?.cursor);
        last.end();
        seen.push(...(await all(last)));
        expect(seen.map(({ text }) => text)).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });

  test('that is not asked for is not read', async () => {
    const output = await open();
    const iterator = output.lines[Symbol.asyncIterator]();
    appendFileSync(path, 'first\n');
    await iterator.next();
    const before = process.memoryUsage().arrayBuffers;
    for (let index = 0; index < 64; index++) appendFileSync(path, `${'x'.repeat(1024 * 1024)}\n`);
    // What the watcher tells of it has come by then.
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
    output.end();
    expect((await textsOf(output)).length).toBe(64);
  });

  test('cuts a line of 20 MiB, and goes on behind it', async () => {
    writeFileSync(path, `${'x'.repeat(20 * 1024 * 1024)}\nnext\n`);
    const output = await open();
    output.end();
    expect(await all(output)).toEqual([
      { text: 'x'.repeat(attachLimits.cutTo), cut: 20 * 1024 * 1024, cursor: String(20 * 1024 * 1024 + 1) },
      { text: 'next', cursor: String(20 * 1024 * 1024 + 6) },
    ]);
  });
});

describe('output that is not what it was', () => {
  test('goes on with a gap where the program emptied its file', async () => {
    writeFileSync(path, 'a\nb\n');
    const output = await open();
    const iterator = output.lines[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toMatchObject([{ text: 'a' }, { text: 'b' }]);
    truncateSync(path, 0);
    appendFileSync(path, 'c\n');
    expect((await iterator.next()).value).toEqual([{ text: 'c', cursor: '2', gap: true }]);
  });

  test('goes on at its end with a gap where the cursor is beyond it', async () => {
    writeFileSync(path, 'old\n');
    const output = await open('1000');
    appendFileSync(path, 'new\n');
    const iterator = output.lines[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toEqual([{ text: 'new', cursor: '8', gap: true }]);
  });

  test.each(['', '-1', '1.5', 'abc', '1e99', '9'.repeat(20)])(
    'the cursor "%s" is refused',
    async (cursor) => {
      expect(await refusal(open(cursor))).toMatchObject({ sort: 'Terminal', reason: 'InvalidCursor' });
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
        output.end();
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
    let made = 0;
    // Of a file that is watched twice there is one watch.
    const openNew = (): Promise<Output> => {
      path = join(folder, `${++made}.out`);
      writeFileSync(path, 'a\n');
      return open();
    };
    const first = await openNew();
    first.end();
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
