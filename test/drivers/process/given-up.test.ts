import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RunSpec } from '../../../src/drivers/driver.ts';
import { readStat } from '../../../src/drivers/proc.ts';
import { createLauncher } from '../../../src/drivers/process/launcher.ts';
import { refOf, runFolder } from '../../../src/drivers/process/layout.ts';
import { notBegun } from '../../../src/drivers/process/process-checks.ts';
import { findTools } from '../../../src/drivers/process/process-host.ts';
import type { ProcessDriver } from '../../../src/drivers/process.ts';
import {
  eventually,
  launcherPid,
  movableClock,
  openDriver,
  printed,
  processesWith,
  refusal,
  specOf,
  textOf,
} from './harness.ts';

/** A driver whose launcher has been stopped, as on a host that is very busy. */
async function heldUp(
  options: Parameters<typeof openDriver>[0] = {},
): Promise<{ driver: ProcessDriver; stateDir: string; launcher: number }> {
  const { driver, stateDir } = await openDriver(options);
  await driver.remove((await driver.create(specOf('exit 0'))).ref, { volumes: false });
  const launcher = await launcherPid();
  process.kill(launcher, 'SIGSTOP');
  await eventually(() => expect(readStat(launcher)?.state).toBe('T'));
  return { driver, stateDir, launcher };
}

const prepared = async (stateDir: string, spec: RunSpec): Promise<string> => {
  const ref = refOf(join(stateDir, 'instances'), spec.identity);
  const file = join(runFolder(ref, spec.identity.run), 'run.json');
  await eventually(() => expect(existsSync(file)).toBe(true));
  return ref;
};

describe('a start that still waits in the launcher', () => {
  test('never runs once it was killed', async () => {
    const { driver, stateDir, launcher } = await heldUp();
    const spec = specOf(`exec sleep 7${process.pid}1`);
    const refused = refusal(driver.create(spec));
    const ref = await prepared(stateDir, spec);
    await driver.kill(ref);
    process.kill(launcher, 'SIGCONT');
    await refused;
    // The launcher does one after the other: what was asked for before this has been done.
    await driver.create(specOf('exec sleep 600'));
    expect(processesWith(`sleep 7${process.pid}1`)).toEqual([]);
  });

  test('never runs once it was removed, and leaves nothing behind', async () => {
    const { driver, stateDir, launcher } = await heldUp();
    const spec = specOf(`exec sleep 7${process.pid}2`);
    const refused = refusal(driver.create(spec));
    const ref = await prepared(stateDir, spec);
    await driver.remove(ref, { volumes: false });
    process.kill(launcher, 'SIGCONT');
    await refused;
    await driver.create(specOf('exec sleep 600'));
    expect(processesWith(`sleep 7${process.pid}2`)).toEqual([]);
    expect(existsSync(ref)).toBe(false);
  });

  test('never runs once a controller that came back has listed, and can be asked for anew', async () => {
    const { driver, stateDir, launcher } = await heldUp();
    const spec = specOf(`exec sleep 7${process.pid}3`);
    const refused = refusal(driver.create(spec));
    await prepared(stateDir, spec);
    const { driver: back } = await openDriver({ stateDir });
    expect(await back.list()).toEqual([]);
    process.kill(launcher, 'SIGCONT');
    await refused;
    expect(processesWith(`sleep 7${process.pid}3`)).toEqual([]);
    expect(await back.create(spec)).toMatchObject({ state: 'Running', run: 1 });
  });

  test('never runs its old command once it was given up and asked for anew', async () => {
    const { driver, stateDir, launcher } = await heldUp();
    const old = `sleep 7${process.pid}4`;
    const spec = specOf(`exec ${old}`);
    const first = Promise.allSettled([driver.create(spec)]);
    const ref = await prepared(stateDir, spec);
    const { driver: back, launcher: second } = await heldUp({ stateDir });
    expect(existsSync(ref)).toBe(false);
    const creating = back.create({ ...spec, command: ['/bin/sh', '-c', 'exec sleep 600'] });
    await prepared(stateDir, spec);
    process.kill(launcher, 'SIGCONT');
    // It does one after the other.
    await driver.create(specOf('exec sleep 600'));
    expect(processesWith(old)).toEqual([]);
    process.kill(second, 'SIGCONT');
    expect(await creating).toMatchObject({ ref, run: 1, state: 'Running' });
    expect(processesWith(old)).toEqual([]);
    await first;
  });

  test('can be asked for again after its kill, and runs once', async () => {
    const { driver, stateDir, launcher } = await heldUp();
    const spec = specOf('echo up; exec sleep 600');
    const refused = refusal(driver.create(spec));
    const ref = await prepared(stateDir, spec);
    await driver.kill(ref);
    process.kill(launcher, 'SIGCONT');
    expect(await refused).toMatchObject({ kind: 'NotStartable', code: 'GivenUp' });
    expect(await driver.create(spec)).toMatchObject({ ref, run: 1, state: 'Running' });
    await printed(driver, ref, 'up');
    expect(await textOf(driver, ref)).toEqual(['up']);
  });
});

describe('the deadline of a start', () => {
  test('counts from when the launcher has taken it up', async () => {
    const clock = movableClock();
    const { driver, launcher, stateDir } = await heldUp({ clock });
    const specs = Array.from({ length: 80 }, () => specOf('exec sleep 600'));
    const starts = specs.map((spec) => driver.create(spec));
    for (const spec of specs) await prepared(stateDir, spec);
    clock.advance(29_000);
    process.kill(launcher, 'SIGCONT');
    await Promise.race(starts);
    clock.advance(2_000);
    expect((await Promise.all(starts)).map(({ state }) => state)).toEqual(specs.map(() => 'Running'));
  });

  test('tells that the host is busy, and counts no failure', async () => {
    const error = await notBegun(tmpdir(), { claimed: false }, 30_000);
    expect(error).toMatchObject({ kind: 'NotStartable', code: 'HostBusy' });
    expect(error.message).toContain('load average');
    expect(error.message).not.toMatch(/rights|space/);
  });
});

describe('a launcher', () => {
  test('that is killed costs no start', async () => {
    const { driver, launcher, stateDir } = await heldUp();
    const specs = Array.from({ length: 80 }, () => specOf('echo up; exec sleep 600'));
    const starts = Promise.all(specs.map((spec) => driver.create(spec)));
    for (const spec of specs) await prepared(stateDir, spec);
    process.kill(launcher, 'SIGKILL');
    expect((await starts).map(({ state }) => state)).toEqual(specs.map(() => 'Running'));
  });

  test('that answers nothing is replaced', async () => {
    const clock = movableClock();
    const { driver, stateDir } = await heldUp({ clock });
    const spec = specOf('exec sleep 600');
    const started = driver.create(spec);
    await prepared(stateDir, spec);
    await eventually(() => expect(clock.waits(30_000)).toBe(true));
    clock.advance(30_001);
    expect(await started).toMatchObject({ state: 'Running' });
  });

  test('that is lost again and again is no failure of the agent', async () => {
    const launcher = createLauncher({ ...findTools(), sh: '/bin/false' }, movableClock());
    const marks = '/no/such/folder';
    const start = { marks, out: '/dev/null', err: '/dev/null', input: '/dev/null', missing: [] };
    const of = {
      attempt: 'a',
      cgroup: undefined,
      identity: { uid: 'u', run: 1 },
      user: undefined,
      command: ['true'],
      env: {},
      workingDir: '/',
    };
    const error = await refusal(launcher.launch({ ...start, ...of }));
    expect(error).toMatchObject({ kind: 'NotStartable', code: 'LauncherLost' });
  });
});
