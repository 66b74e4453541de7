import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { killCgroup } from '../../../src/drivers/process/cgroups.ts';
import { systemClock } from '../../../src/platform/clock.ts';

vi.mock('node:fs/promises', async (original) => ({
  ...(await original<object>()),
  // The kernel is still busy with it; then somebody else removes it.
  rmdir: async (folder: string) => {
    rmSync(folder, { recursive: true });
    throw Object.assign(new Error('EBUSY'), { code: 'EBUSY' });
  },
}));

test('a cgroup that somebody else removes at the same time is removed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-cgroup-'));
  writeFileSync(join(folder, 'cgroup.procs'), '');
  await killCgroup(systemClock, folder);
  expect(existsSync(folder)).toBe(false);
});
