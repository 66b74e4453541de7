import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Runtime } from '../../src/api/objects.ts';
import { type DriverDeps, makeDriver } from '../../src/daemon/drivers.ts';
import { createOpenFiles } from '../../src/drivers/open-files.ts';
import { systemClock as clock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';

test('the process driver tells of the files of its collector beside those of the controller', async () => {
  const state = mkdtempSync(join(tmpdir(), 'agentctl-drivers-'));
  const openFiles = createOpenFiles(clock);
  // All that this driver asks for.
  const deps = { state, secrets: state, openFiles, storeId: 'store', clock, log: silentLog } as DriverDeps;
  const driver = await makeDriver({ spec: { driver: 'process' } } as Runtime, deps);
  const types = driver.conditions?.().map(({ type, status }) => `${type} ${status}`);
  expect(types).toEqual(['OutputFilesAvailable True', 'FilesAvailable True']);
  await driver.close();
  rmSync(state, { recursive: true });
});
