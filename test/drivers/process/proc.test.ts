import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { living, readStat, type ScannedProcess } from '../../../src/drivers/proc.ts';
import { type KillTarget, processesOf } from '../../../src/drivers/process/reap.ts';
import { eventually } from './harness.ts';

test('a zombie is dead', async () => {
  // sleep takes the place of the shell, and only then the child ends: nobody asks after it.
  const child = `sh -c 'until grep -q sleep /proc/$PPID/comm; do :; done'`;
  const parent = spawn('/bin/sh', ['-c', `${child} & echo $!; exec sleep 600`]);
  const [chunk] = await once(parent.stdout, 'data');
  const pid = Number(String(chunk));
  await eventually(() => expect(readStat(pid)?.state).toBe('Z'));
  const stat = readStat(pid);
  expect(stat && living(stat)).toBeUndefined();
  parent.kill('SIGKILL');
});

test('a process of the same pid and another start is another', () => {
  const self = readStat(process.pid);
  expect(self && living(self)).toBeDefined();
  expect(self && living({ ...self, start: self.start - 1 })).toBeUndefined();
});

test('a name with spaces and parentheses does not mislead', async () => {
  const child = spawn('/bin/sh', ['-c', 'printf "a) R 1 (b" >/proc/self/comm 2>/dev/null; read line']);
  const { pid = 0 } = child;
  await eventually(() => expect(readStat(pid)).toMatchObject({ pid, parent: process.pid }));
  child.kill('SIGKILL');
});

const proc = (pid: number, rest: Partial<ScannedProcess>): ScannedProcess => ({
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

const target: KillTarget = {
  instanceUid: 'u',
  upToRun: 2,
  main: { pid: 100, start: 100 },
  shim: { pid: 90, start: 90 },
  spareShim: true,
};

test.each([
  ['that bears its uid', [proc(200, { instanceUid: 'u', run: 2 })], [200]],
  ['of an earlier run', [proc(200, { instanceUid: 'u', run: 1 })], [200]],
  ['of a later run is spared', [proc(200, { instanceUid: 'u', run: 3 })], []],
  ['of another instance is spared', [proc(200, { instanceUid: 'v', session: 100 })], []],
  ['of its session, though the main process is gone', [proc(200, { session: 100 })], [200]],
  [
    'of a session whose number went to another is spared',
    [proc(100, { start: 150 }), proc(200, { session: 100 })],
    [],
  ],
  ['of its group', [proc(100, {}), proc(200, { group: 100 })], [100, 200]],
  [
    'that descends from it',
    [proc(100, {}), proc(300, { parent: 200 }), proc(200, { parent: 100 })],
    [100, 200, 300],
  ],
  ['that is a zombie is spared', [proc(200, { instanceUid: 'u', run: 2, state: 'Z' })], []],
  ['that is the shim is spared', [proc(90, { instanceUid: 'u', run: 2 }), proc(100, { parent: 90 })], [100]],
] as const)('a kill takes a process %s', (_name, all, expected) => {
  expect(
    processesOf(all, target)
      .map(({ pid }) => pid)
      .toSorted((a, b) => a - b),
  ).toEqual(expected);
});
