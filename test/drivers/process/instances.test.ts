import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runFolder } from '../../../src/drivers/process/layout.ts';
import { readStat } from '../../../src/drivers/process/proc.ts';
import { ended, eventually, isRunning, openDriver, specOf } from './harness.ts';

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
