import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { acquireLock } from '../../src/platform/lock.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'agentctl-lock-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a second holder is refused with the pid of the first, until that lets go', () => {
  const path = join(folder, 'one');
  const lock = acquireLock(path);
  expect(() => acquireLock(path)).toThrow(expect.objectContaining({ name: 'LockedError', pid: process.pid }));
  lock.release();
  acquireLock(path).release();
});

test('the lock of a process that was killed is nobody’s', async () => {
  const path = join(folder, 'two');
  const program = join(folder, 'holder.mjs');
  writeFileSync(
    program,
    `import { acquireLock } from ${JSON.stringify(join(import.meta.dirname, '../../src/platform/lock.ts'))};
     acquireLock(${JSON.stringify(path)}); gc(); setImmediate(() => { gc(); process.send('held'); }); setInterval(() => {}, 1000);`,
  );
  // What nobody refers to is collected before the lock is asked for: it must be held all the same.
  const child = fork(program, { execArgv: ['--expose-gc'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await new Promise((resolve) => child.once('message', resolve));
  expect(() => acquireLock(path)).toThrow(expect.objectContaining({ pid: child.pid }));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  acquireLock(path).release();
});
