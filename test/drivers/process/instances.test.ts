import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readEnvironment, readStat, uidVariable } from '../../../src/drivers/proc.ts';
import { runFolder } from '../../../src/drivers/process/layout.ts';
import { processesOf } from './collectors.ts';
import { ended, eventually, isRunning, openDriver, specOf, withRun } from './harness.ts';

/** A process of the host whose session has lost its leader, as that of a daemon. */
async function daemonOfHost(): Promise<{ pid: number; session: number }> {
  const shell = spawn('sh', ['-c', 'sleep 600 >/dev/null & echo $!'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
    env: { PATH: process.env.PATH },
  });
  const [bytes] = await once(shell.stdout, 'data');
  const pid = Number(String(bytes));
  await eventually(() => expect(readStat(shell.pid ?? 0)).toBeUndefined());
  return { pid, session: readStat(pid)?.session ?? 0 };
}

test('a removal after a reboot kills no process of the host that has the old numbers', async () => {
  const { driver, stateDir } = await openDriver({ cgroups: 'None', bootId: 'an-earlier-boot' });
  const { ref } = await driver.create(specOf('exit 0'));
  await ended(driver, ref);
  const { pid, session } = await daemonOfHost();
  try {
    const folder = runFolder(ref, 1);
    for (const name of await readdir(folder))
      if (name.startsWith('pid.')) await rename(join(folder, name), join(folder, `pid.${session}.10`));
    const { driver: back } = await openDriver({ stateDir, cgroups: 'None' });
    await back.remove(ref, { volumes: false });
    expect(isRunning(pid)).toBe(true);
  } finally {
    process.kill(pid, 'SIGKILL');
  }
});

const runsOf = (uid: string): number =>
  readdirSync('/proc').filter(
    (name) =>
      /^\d+$/.test(name) && isRunning(Number(name)) && readEnvironment(Number(name))?.[uidVariable] === uid,
  ).length;

test('shims whose output nobody has read go with their runs', async () => {
  const { driver, stateDir } = await openDriver();
  await driver.create(specOf('exec sleep 600'));
  const { collectors } = await eventually(() => {
    const found = processesOf(stateDir);
    expect(found.collectors).toHaveLength(1);
    return found;
  });
  for (const pid of collectors) process.kill(pid, 'SIGSTOP');
  const spec = specOf('echo up');
  const { ref } = await driver.create(spec);
  for (let run = 2; run <= 7; run++) {
    await ended(driver, ref);
    await driver.restart(ref, withRun(spec, run));
  }
  await ended(driver, ref);
  await eventually(() => expect(runsOf(spec.identity.uid)).toBeLessThanOrEqual(5));
  await driver.remove(ref, { volumes: false });
  expect(runsOf(spec.identity.uid)).toBe(0);
  for (const pid of collectors) process.kill(pid, 'SIGCONT');
});
