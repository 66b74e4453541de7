import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lacks } from '../../needs.ts';
import { ended, eventually, openDriver, pidsOf, specOf, textOf } from './harness.ts';

const skipped = lacks('mount');

test.skipIf(skipped)('a full disk is told, leaves nothing half-made, and heals by itself', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'agentctl-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', stateDir]);
  try {
    const { driver } = await openDriver({ stateDir });
    const spec = specOf('echo up; exec sleep 600', {
      files: [{ path: 'data', content: Buffer.alloc(16_384), mode: 0o600 }],
    });
    await driver.ping();
    writeFileSync(join(stateDir, 'ballast'), Buffer.alloc(57_344));
    await expect(driver.create(spec)).rejects.toMatchObject({ kind: 'Retryable', code: 'DiskFull' });
    expect(await driver.list()).toEqual([]);
    const left = readdirSync(join(stateDir, 'instances'), { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile())).toEqual([]);
    rmSync(join(stateDir, 'ballast'));
    const observed = await driver.create(spec);
    expect(observed).toMatchObject({ state: 'Running' });
    // Its end is told on a full disk too.
    try {
      writeFileSync(join(stateDir, 'ballast'), Buffer.alloc(65_536));
    } catch {
      // That is what it is for.
    }
    await driver.kill(observed.ref);
    expect(await driver.inspect(observed.ref)).toMatchObject({ state: 'Exited', exit: { code: 137 } });
    await driver.remove(observed.ref, { volumes: false });
    await driver.close();
  } finally {
    execFileSync('umount', ['-l', stateDir]);
    await rm(stateDir, { recursive: true, force: true });
  }
});

test.skipIf(skipped)(
  'an agent that writes to a full disk waits for room, goes on by itself, and loses nothing',
  async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'agentctl-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'none', stateDir]);
    try {
      const { driver } = await openDriver({ stateDir });
      const logs = { maxSize: 64 * 1024 * 1024, maxFiles: 3 };
      const { ref } = await driver.create(specOf('exec seq 1 200000', { talks: true, logs }));
      const { main } = await pidsOf(ref);
      await eventually(() => expect(readFileSync(`/proc/${main}/wchan`, 'utf8')).toMatch(/pipe/));
      // However long it is full.
      expect(await driver.inspect(ref)).toMatchObject({ state: 'Running' });
      execFileSync('mount', ['-o', 'remount,size=64m', stateDir]);
      expect(await ended(driver, ref)).toMatchObject({ exit: { code: 0 } });
      expect(await textOf(driver, ref)).toEqual(Array.from({ length: 200_000 }, (_, n) => String(n + 1)));
      await driver.remove(ref, { volumes: false });
      await driver.close();
    } finally {
      execFileSync('umount', ['-l', stateDir]);
      await rm(stateDir, { recursive: true, force: true });
    }
  },
);

test.skipIf(skipped)('an instance that filled the disk can be removed while it is full', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'agentctl-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,nr_inodes=40', 'none', stateDir]);
  try {
    const { driver } = await openDriver({ stateDir });
    const fill = 'i=0; while touch file.$i 2>/dev/null; do i=$((i+1)); done; exec sleep 600';
    const { ref } = await driver.create(specOf(fill));
    let more = 0;
    const add = (): void => writeFileSync(join(stateDir, `more-${more++}`), '');
    await eventually(() => expect(add).toThrow('ENOSPC'));
    await driver.kill(ref);
    await driver.remove(ref, { volumes: false });
    expect(await driver.list()).toEqual([]);
    expect(existsSync(ref)).toBe(false);
    await driver.close();
  } finally {
    execFileSync('umount', ['-l', stateDir]);
    await rm(stateDir, { recursive: true, force: true });
  }
});
