import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { openOutput } from '../../../src/drivers/process/process-attach.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { writtenLog } from './written-log.ts';

vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  watch: () => {
    throw Object.assign(new Error('too many watches'), { code: 'ENOSPC' });
  },
}));

test('output is told as it grows though no watcher is to be had', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'agentctl-output-'));
  const log = writtenLog(folder);
  log.write('one\n');
  const output = await openOutput(folder, { cursor: undefined, clock: systemClock });
  const texts: string[] = [];
  for await (const batch of output.lines) {
    texts.push(...batch.map(({ text }) => text));
    if (texts.length === 1) setImmediate(() => log.write('two\n'));
    else {
      log.drained();
      output.end();
    }
  }
  expect(texts).toEqual(['one', 'two']);
  await rm(folder, { recursive: true });
});
