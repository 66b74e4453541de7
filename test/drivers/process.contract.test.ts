import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { driverCapabilities } from '../../src/api/capabilities.ts';
import { createProcessDriver } from '../../src/drivers/process.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { collector } from '../collector.ts';
import type { DriverHarness, DriverTraits } from '../contracts/driver/context.ts';
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

const traits: DriverTraits = {
  capabilities: driverCapabilities.process,
  parts: ['restart', 'stdio', 'logs', 'exec', 'address', 'hostAddress', 'conditions'],
  names: false,
  pause: true,
  networks: false,
};

driverContract('process', traits, processes(undefined));
driverContract('process, on a host without cgroups for us', traits, processes('None'));
