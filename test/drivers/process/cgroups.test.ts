import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { killCgroup, openCgroups } from '../../../src/drivers/process/cgroups.ts';
import { newestRun, runFolder } from '../../../src/drivers/process/layout.ts';
import { findTools } from '../../../src/drivers/process/process-host.ts';
import type { ProcessDriver } from '../../../src/drivers/process.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { ended, eventually, openDriver, printed, processesWith, specOf, withRun } from './harness.ts';

const parts = { root: '/none', sh: findTools().sh, clock: systemClock, log: silentLog };
const tried = await openCgroups({ ...parts, storeId: `try-${process.pid}` });
await tried?.close();

const cgroupOf = async (ref: string): Promise<string> => {
  const cgroup = newestRun(ref)?.meta.cgroup;
  if (cgroup === undefined) throw new Error(`${ref} has no cgroup`);
  return cgroup;
};

/** Leaves no mark by which it could be found: neither environment, nor session, nor parent. */
const fled = (marker: string): string => `setsid -f env -i ${marker}`;

describe.skipIf(tried === undefined)('a run in a cgroup of its own', () => {
  test('is killed with what cleared its environment and fled its session and parent', async () => {
    const { driver } = await openDriver();
    const marker = `sleep 8${process.pid}1`;
    const { ref } = await driver.create(specOf(`${fled(marker)}; echo up; exec sleep 600`));
    await printed(driver, ref, 'up');
    await eventually(() => expect(processesWith(marker)).toHaveLength(1));
    await driver.kill(ref);
    expect(processesWith(marker)).toEqual([]);
    expect((await ended(driver, ref)).exit).toMatchObject({ code: 137 });
  });

  test('is removed with what wrote over its environment, as a title does', async () => {
    const { driver } = await openDriver();
    const marker = `sleep 8${process.pid}2`;
    const script = `use POSIX; $| = 1; $0 = "worker: " . ("idle " x 400);
      if (fork == 0) { POSIX::setsid(); if (fork == 0) { exec qw(${marker}); } exit 0; }
      wait; print "up\\n"; sleep 600 while 1;`;
    const { ref } = await driver.create(specOf('', { command: ['perl', '-e', script] }));
    await printed(driver, ref, 'up');
    await eventually(() => expect(processesWith(marker)).toHaveLength(1));
    await driver.remove(ref, { volumes: false });
    expect(processesWith(marker)).toEqual([]);
  });

  const verbs = {
    kill: (driver: ProcessDriver, ref: string) => driver.kill(ref),
    remove: (driver: ProcessDriver, ref: string) => driver.remove(ref, { volumes: false }),
    // As at `controller stop --agents`.
    'stop, and the end of the driver': async (driver: ProcessDriver, ref: string) => {
      await driver.signal(ref, 'SIGTERM');
      await ended(driver, ref);
      await driver.close();
    },
  };
  test.each(Object.entries(verbs))('takes what moved to another cgroup with it: %s', async (_, act) => {
    const { driver } = await openDriver();
    const marker = `sleep 8${process.pid}6`;
    const first = await driver.create(specOf('exec sleep 600'));
    const other = join(dirname(dirname(await cgroupOf(first.ref))), `agentctl-other-${process.pid}`);
    mkdirSync(other);
    try {
      const move = `setsid sh -c 'echo 0 >${other}/cgroup.procs; exec ${marker}' & exec sleep 600`;
      const { ref } = await driver.create(specOf(move));
      await eventually(() => expect(processesWith(marker)).toHaveLength(1));
      await act(driver, ref);
      expect(processesWith(marker)).toEqual([]);
    } finally {
      for (const pid of processesWith(marker)) process.kill(pid, 'SIGKILL');
      await eventually(() => rmdirSync(other));
    }
  });

  test('takes what it left behind with it at its end, though no controller is there', async () => {
    const { driver, stateDir } = await openDriver();
    const marker = `sleep 8${process.pid}3`;
    const { ref } = await driver.create(specOf(`${fled(marker)}; read line; exit 5`));
    await eventually(() => expect(processesWith(marker)).toHaveLength(1));
    await driver.close();
    await appendFile(join(ref, 'in'), 'end\n');
    await eventually(() => expect(existsSync(join(runFolder(ref, 1), 'exit.5'))).toBe(true));
    await eventually(() => expect(processesWith(marker)).toEqual([]));
    await openDriver({ stateDir });
  });

  test('leaves no cgroup behind, nor does its controller', async () => {
    const { driver } = await openDriver();
    const spec = specOf('exit 1');
    const { ref } = await driver.create(spec);
    const cgroup = await cgroupOf(ref);
    expect(existsSync(dirname(cgroup))).toBe(true);
    await ended(driver, ref);
    await eventually(() => expect(existsSync(cgroup)).toBe(false));
    await driver.restart(ref, withRun(spec, 2));
    await driver.remove(ref, { volumes: false });
    await driver.close();
    expect(existsSync(dirname(cgroup))).toBe(false);
  });

  test('is found by its marks where it could not move into its cgroup', async () => {
    const { driver } = await openDriver();
    const marker = `sleep 8${process.pid}4`;
    const first = await driver.create(specOf('exec sleep 600'));
    const base = dirname(await cgroupOf(first.ref));
    const spec = specOf(`setsid ${marker} & exec sleep 600`);
    const creating = driver.create(spec);
    const folder = join(base, `${spec.identity.uid}.1`);
    while (!existsSync(folder)) await new Promise(setImmediate);
    rmdirSync(folder);
    const { ref } = await creating;
    expect(existsSync(join(runFolder(ref, 1), 'escaped'))).toBe(true);
    await eventually(() => expect(processesWith(marker)).toHaveLength(1));
    await driver.kill(ref);
    expect(processesWith(marker)).toEqual([]);
  });

  test('whose controller was killed leaves an empty cgroup, which the next one removes', async () => {
    const { driver, stateDir } = await openDriver();
    const { ref } = await driver.create(specOf('exec sleep 600'));
    const left = join(dirname(await cgroupOf(ref)), `${crypto.randomUUID()}.3`);
    mkdirSync(join(left, 'below'), { recursive: true });
    const { driver: back } = await openDriver({ stateDir });
    expect(await back.list()).toMatchObject([{ ref, state: 'Running' }]);
    expect(existsSync(left)).toBe(false);
    expect(readFileSync(join(await cgroupOf(ref), 'cgroup.procs'), 'utf8')).not.toBe('');
  });

  test('shares no folder of cgroups with another store, nor with a copy of its own store', async () => {
    const [one, copy] = [await openDriver(), await openDriver()];
    const other = await openDriver({ storeId: 'other' });
    const spec = specOf('exec sleep 600');
    const theirs = { ...spec, identity: { ...spec.identity, store: 'other' } };
    const refs = [
      (await one.driver.create(spec)).ref,
      (await copy.driver.create(spec)).ref,
      (await other.driver.create(theirs)).ref,
    ];
    const bases = await Promise.all(refs.map(async (ref) => dirname(await cgroupOf(ref))));
    expect(new Set(bases).size).toBe(3);
    expect(bases.map((base) => /agentctl-(\w+)-/.exec(base)?.[1])).toEqual(['store', 'store', 'other']);
  });
});

test.skipIf(tried === undefined)(
  'a run that could not move into its cgroup leaves no folder of it',
  async () => {
    const cgroups = await openCgroups({ ...parts, storeId: `forget-${process.pid}` });
    const folder = await cgroups?.make('u', 1);
    await cgroups?.forget('u', 1);
    expect(existsSync(folder ?? '')).toBe(false);
    expect(cgroups?.knows('u')).toBe(false);
    await cgroups?.close();
  },
);

test.each([
  ['cgroups', tried === undefined ? 'None' : undefined, tried?.reason ?? 'ProcScan'],
  ['no cgroups', 'None', 'ProcScan'],
] as const)('a Runtime with %s says so', async (_name, cgroups, reason) => {
  const { driver } = await openDriver({ cgroups });
  await driver.ping();
  expect(driver.conditions?.()[0]).toMatchObject({
    type: 'ProcessesContained',
    status: reason === 'ProcScan' ? 'False' : 'True',
    reason,
  });
});

const freezer = `/sys/fs/cgroup/freezer/agentctl-test-${process.pid}`;
const mayUseVersionOne = ((): boolean => {
  try {
    mkdirSync(freezer);
    rmdirSync(freezer);
    return true;
  } catch {
    // No such hierarchy here, or not ours to write.
    return false;
  }
})();

test.skipIf(!mayUseVersionOne)(
  'a cgroup of version 1 is killed with those below it, and removed',
  async () => {
    mkdirSync(join(freezer, 'below'), { recursive: true });
    const marker = `sleep 8${process.pid}5`;
    const script = `echo 0 >${freezer}/cgroup.procs; ${marker} & echo 0 >${freezer}/below/cgroup.procs; exec ${marker}`;
    spawn('sh', ['-c', script], { stdio: 'ignore' });
    await eventually(() => expect(processesWith(marker)).toHaveLength(2));
    await killCgroup(systemClock, freezer);
    expect(processesWith(marker)).toEqual([]);
    expect(existsSync(freezer)).toBe(false);
  },
);
