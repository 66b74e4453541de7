import { appendFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OutputLine } from '../../../src/drivers/driver.ts';
import { openOutput } from '../../../src/drivers/process/attach-output.ts';
import { type Ending, readLogs } from '../../../src/drivers/process/logs.ts';
import { systemClock } from '../../../src/platform/clock.ts';

const vast = 8 * 1024 ** 4;

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agentctl-holes-'));
  path = join(folder, '1.out');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A program that truncated its output to 8 TiB, and goes on to write. */
function sparse(before: string, after: string): void {
  writeFileSync(path, before);
  truncateSync(path, vast);
  appendFileSync(path, after);
  expect(statSync(path).size).toBe(vast + after.length);
}

async function attached(): Promise<OutputLine[]> {
  const output = await openOutput(path, { cursor: undefined, clock: systemClock });
  output.end();
  const lines: OutputLine[] = [];
  for await (const batch of output.lines) lines.push(...batch);
  return lines;
}

describe('an output file that was made 8 TiB long', () => {
  test('is read on behind the hole, with a gap', async () => {
    sparse('first\n', '{"type":"x"}\nlast\n');
    expect(await attached()).toMatchObject([
      { text: 'first' },
      { text: '{"type":"x"}', gap: true },
      { text: 'last', cursor: String(vast + 18) },
    ]);
  });

  test('is read to its end though nothing stands behind the hole', async () => {
    sparse('first\n', '');
    expect((await attached()).map(({ text }) => text)).toEqual(['first', '']);
  });

  test.each([
    [{ tail: 1 }, ['last']],
    [{ tail: 5 }, [expect.stringContaining('cut here'), 'after', 'last']],
    [{}, ['first', 'after', 'last']],
  ])('has its logs told, with %j', async (options, expected) => {
    sparse('first\n', 'after\nlast\n');
    const over: Ending = { run: 1, hasEnded: async () => true, subscribe: () => () => {} };
    for (const follow of [false, true]) {
      const texts: string[] = [];
      const signal = AbortSignal.timeout(40_000);
      for await (const { text } of readLogs(folder, over, { follow, signal, ...options })) texts.push(text);
      expect(texts).toEqual(expected);
    }
  });
});

test('zeros that were really written are lines like others', async () => {
  writeFileSync(path, `${'\0'.repeat(300_000)}\nlast\n`);
  const lines = await attached();
  expect(lines.map(({ text }) => text.length)).toEqual([300_000, 4]);
  expect(lines.some(({ gap }) => gap)).toBe(false);
});

test('the last lines are looked for 64 MiB back, and no further', async () => {
  writeFileSync(path, `first\n${'x'.repeat(65 * 1024 * 1024)}\nlast\n`);
  const over: Ending = { run: 1, hasEnded: async () => true, subscribe: () => () => {} };
  const texts: string[] = [];
  const signal = AbortSignal.timeout(40_000);
  for await (const { text } of readLogs(folder, over, { follow: false, signal, tail: 3 })) texts.push(text);
  expect(texts[0]).toBe('[agentctl: cut here; earlier lines are more than 64 MiB back]');
  expect(texts.at(-1)).toBe('last');
  expect(texts).not.toContain('first');
});
