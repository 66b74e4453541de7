import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createLooks, readStat, type ScannedProcess, withOwners } from '../../../src/drivers/proc.ts';
import { ManualClock } from '../../fakes/clock.ts';
import { ended, eventually, openDriver, processesWith, specOf } from './harness.ts';

const proc = (pid: number, rest: Partial<ScannedProcess> = {}): ScannedProcess => ({
  pid,
  start: pid,
  state: 'S',
  parent: 1,
  group: pid,
  session: pid,
  instanceUid: undefined,
  run: 0,
  bare: false,
  ...rest,
});

const run = { instanceUid: 'u', run: 2, main: { pid: 100, start: 100 } };

test.each([
  ['by its environment', [proc(100, { instanceUid: 'u', run: 2 })], [], {}, [100]],
  ['as the main process, though it wrote over its environment', [proc(100)], [run], {}, [100]],
  [
    'as a descendant of the main process',
    [proc(300, { parent: 200 }), proc(200, { parent: 100 }), proc(100)],
    [run],
    {},
    [300, 200, 100],
  ],
  ['as what it was seen to be before', [proc(300)], [], { 300: 300 }, [300]],
  [
    'not where its pid is another’s now',
    [proc(300, { start: 301 }), proc(100, { start: 7 })],
    [run],
    { 300: 300 },
    [],
  ],
  ['not where two are each other’s parents', [proc(5, { parent: 6 }), proc(6, { parent: 5 })], [run], {}, []],
] as const)('a process is found %s', (_name, all, runs, before, expected) => {
  const seen = Object.entries(before).map(
    ([pid, start]) => [Number(pid), { start, instanceUid: 'u', run: 2 }] as const,
  );
  const found = withOwners(all, runs, new Map(seen));
  expect(found.filter(({ instanceUid }) => instanceUid === 'u').map(({ pid }) => pid)).toEqual(expected);
});

test('who asks at the same time shares a look, and looks leave most of the time to others', async () => {
  const clock = new ManualClock('2026-01-01T00:00:00Z');
  let looked = 0;
  const looks = createLooks(clock, async () => {
    looked += 1;
    clock.advance(100); // as long as a look takes
    return [];
  });
  const first = Promise.all([looks.next(), looks.next(), looks.next()]);
  clock.advance(0);
  await first;
  expect(looked).toBe(1);
  const second = looks.next();
  clock.advance(399);
  await new Promise(setImmediate);
  expect(looked).toBe(1);
  clock.advance(1);
  await second;
  expect(looked).toBe(2);
});

test('what others do during a look counts for nothing in the rest after it', async () => {
  const clock = new ManualClock('2026-01-01T00:00:00Z');
  let looked = 0;
  const looks = createLooks(clock, async (pause) => {
    looked += 1;
    clock.advance(10);
    const paused = pause();
    clock.advance(1_000); // others are at work
    await paused;
    return [];
  });
  const first = looks.next();
  clock.advance(0);
  await first;
  const second = looks.next();
  clock.advance(40);
  await second;
  expect(looked).toBe(2);
});

test('without cgroups, a helper that cleared its environment and fled is killed where it was seen before', async () => {
  const { driver } = await openDriver({ cgroups: 'None' });
  const marker = `sleep 9${process.pid}1`;
  const script = `sh -c 'setsid env -i ${marker} & read line'; exec sleep 600`;
  const { ref } = await driver.create(specOf(script));
  const other = await driver.create(specOf('exec sleep 600'));
  await eventually(() => expect(processesWith(marker)).toHaveLength(1));
  const [helper = 0] = processesWith(marker);
  const parent = readStat(helper)?.parent;
  await driver.kill(other.ref); // a look that all share
  await appendFile(join(ref, 'in'), 'go\n');
  await eventually(() => expect(readStat(helper)?.parent).not.toBe(parent));
  await driver.kill(ref);
  expect(processesWith(marker)).toEqual([]);
});

test('without cgroups, what a run left behind is ended with the driver, though it has only just been stopped', async () => {
  const { driver } = await openDriver({ cgroups: 'None' });
  const marker = `sleep 9${process.pid}2`;
  const { ref } = await driver.create(specOf(`(setsid ${marker} &); exec sleep 600`));
  await eventually(() => expect(processesWith(marker)).toHaveLength(1));
  await driver.signal(ref, 'SIGTERM');
  await ended(driver, ref);
  await driver.close();
  expect(processesWith(marker)).toEqual([]);
});
