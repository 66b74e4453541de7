import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, expect, test, vi } from 'vitest';
import { readEnvironment } from '../../../src/drivers/proc.ts';
import { createLeftovers, markVariable } from '../../../src/drivers/process/reap.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { eventually, isRunning } from './harness.ts';

const started: ChildProcess[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

/** Two processes that a probe left, and what ends them. */
async function two() {
  const owner = `/instances-of-${crypto.randomUUID()}`;
  const pids = [1, 2].map(() => {
    const child = spawn('sleep', ['600'], {
      stdio: 'ignore',
      env: { PATH: process.env.PATH, [markVariable]: `${owner}:left` },
    });
    started.push(child);
    return child.pid ?? 0;
  });
  for (const pid of pids) await eventually(() => expect(readEnvironment(pid)?.[markVariable]).toBeDefined());
  return { pids, leftovers: createLeftovers(systemClock, silentLog, owner) };
}

test('one that may not be killed keeps none of the others alive', async () => {
  const { pids, leftovers } = await two();
  const kill = process.kill.bind(process);
  let refused = 0;
  vi.spyOn(process, 'kill').mockImplementation((pid, signal) => {
    refused ||= pid;
    if (pid === refused) throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
    return kill(pid, signal);
  });
  await leftovers.kill();
  const [other = 0] = pids.filter((pid) => pid !== refused);
  await eventually(() => expect(isRunning(other)).toBe(false));
  expect(isRunning(refused)).toBe(true);
});

test('one that ended before its turn gets no signal: its number may be another’s', async () => {
  const { pids, leftovers } = await two();
  const kill = process.kill.bind(process);
  const signalled: number[] = [];
  vi.spyOn(process, 'kill').mockImplementation((pid, signal) => {
    signalled.push(pid);
    for (const each of pids) kill(each, signal);
    for (const each of pids) while (isRunning(each)); // both have ended before the next call
    return true;
  });
  await leftovers.kill();
  expect(signalled).toHaveLength(1);
});
