import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createTracker } from '../../../src/drivers/process/run-watch.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { ManualClock } from '../../fakes/clock.ts';

const script = fileURLToPath(new URL('./out-of-files.ts', import.meta.url));

test('at the limit of descriptors a live process is not taken for dead, and one that is gone is', () => {
  const { stdout, stderr } = spawnSync('sh', [
    '-c',
    'ulimit -n 64; exec "$@"',
    'sh',
    process.execPath,
    script,
  ]);
  expect(`${stderr}`).toBe('');
  expect(JSON.parse(`${stdout}`)).toEqual({ atTheLimit: 'EMFILE', before: true, after: true, gone: true });
});

test('what cannot be found out ends no run', () => {
  const clock = new ManualClock('2026-01-01T00:00:00Z');
  const tracker = createTracker(clock, silentLog);
  const ends: string[] = [];
  let lives = (): boolean => {
    throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
  };
  tracker.add({
    ref: 'r',
    marks: '/no/such/folder',
    lives: () => lives(),
    ended: () => ends.push('r'),
    released() {},
  });
  clock.advance(1000);
  expect(ends).toEqual([]);
  lives = () => false;
  clock.advance(1000);
  expect(ends).toEqual(['r']);
  tracker.close();
});
