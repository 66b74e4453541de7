import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProcessDriver } from '../../src/drivers/process.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { collector } from '../collector.ts';
import type { DriverHarness } from '../contracts/driver/context.ts';
import { driverContract } from '../contracts/driver.ts';
import { script } from '../contracts/program.ts';
import { pause, processesWith } from './process/harness.ts';

const processes =
  (cgroups: 'None' | undefined): (() => Promise<DriverHarness>) =>
  async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'agentctl-process-'));
    const parts = { stateDir, clock: systemClock, log: silentLog, cgroups };
    return {
      driver: (storeId) => createProcessDriver({ ...parts, storeId, collector }),
      run: (program, marker) => ({ command: ['sh', '-c', script(program, marker)] }),
      filePath: 'settings/greeting.txt',
      left: async (marker) => processesWith(`sleep ${marker}`).length,
      pause,
      close: () => rm(stateDir, { recursive: true, force: true }),
    };
  };

const capabilities = { images: false, volumes: false, names: false, pause: true, networks: false };

driverContract('process', capabilities, processes(undefined));
driverContract('process, on a host without cgroups for us', capabilities, processes('None'));
