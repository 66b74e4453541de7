import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Collection } from '../../../../src/drivers/process/collector/collection.ts';
import { readStat } from '../../../../src/drivers/process/proc.ts';
import { systemClock } from '../../../../src/platform/clock.ts';
import { eventually, specOf } from '../harness.ts';

test('a run whose shim is killed before it has opened its pipes is over', async () => {
  const ref = mkdtempSync(join(tmpdir(), 'agentctl-collection-'));
  const child = spawn('sleep', ['600']);
  const shim = readStat(child.pid ?? 0);
  if (shim === undefined) throw new Error('sleep does not run');
  const folder = join(ref, '1');
  for (const name of ['1', '1.log']) mkdirSync(join(ref, name));
  writeFileSync(join(folder, `shim.${shim.pid}.${shim.start}`), '');
  execFileSync('mkfifo', [join(ref, '1.out'), join(ref, '1.err')]);
  const { identity, talks, logs } = specOf('');
  const run = { number: 1, folder, meta: { identity, bootId: '', workingDir: '/', talks, logs } };
  let ended = false;
  const collection = new Collection({
    ref,
    run,
    shim,
    clock: systemClock,
    ended() {
      ended = true;
    },
  });
  expect(collection.isOver).toBe(false);
  child.kill('SIGKILL');
  await eventually(() => expect(ended).toBe(true));
  expect(readdirSync(join(ref, '1.log'))).toContain('drained');
  rmSync(ref, { recursive: true });
});
