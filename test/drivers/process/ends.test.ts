import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readStat } from '../../../src/drivers/proc.ts';
import type { Run } from '../../../src/drivers/process/layout.ts';
import { createEnds } from '../../../src/drivers/process/run-watch.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { ManualClock } from '../../fakes/clock.ts';
import { specOf } from './harness.ts';

let ref = '';
let run: Run;

beforeEach(async () => {
  ref = await mkdtemp(join(tmpdir(), 'agentctl-ends-'));
  const { identity, logs } = specOf('');
  run = {
    number: 1,
    folder: join(ref, '1'),
    meta: { identity, bootId: 'b', workingDir: ref, talks: false, logs },
  };
  await mkdir(run.folder);
});
afterEach(() => rm(ref, { recursive: true, force: true }));

/** Ends whose sweeps last until they are told to end, and what they ask to be looked at. */
function ends() {
  const clock = new ManualClock('2026-01-01T00:00:00Z');
  const remembered = new Set<object>();
  const sweep = Promise.withResolvers<void>();
  const looks = {
    next: async () => [],
    remember: (one: object) => {
      remembered.add(one);
      return () => remembered.delete(one);
    },
    close() {},
  };
  const made = createEnds({ clock, log: silentLog, reap: () => sweep.promise, looks });
  return { ends: made, clock, remembered, sweep };
}

test('a run that is forgotten while it lives is no longer looked at', () => {
  const { ends: made, remembered } = ends();
  const main = readStat(process.pid);
  made.track(ref, run, { claimed: true, ...(main === undefined ? {} : { main }) });
  expect(remembered.size).toBe(1);
  made.forget(ref);
  expect(remembered.size).toBe(0);
  made.close();
});

test.each([
  ['counts as swept', false],
  ['leaves nothing behind where the run is forgotten meanwhile', true],
])('a sweep that is done %s', async (_name, isForgotten) => {
  const { ends: made, clock, sweep } = ends();
  made.sweepSoon(ref, run, { claimed: true });
  clock.advance(50);
  if (isForgotten) made.forget(ref);
  sweep.resolve();
  await new Promise(setImmediate);
  expect(made.isSwept(ref, 1)).toBe(!isForgotten);
  made.close();
});
