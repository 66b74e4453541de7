import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProcessDriver } from '../../src/drivers/process.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { driverContract } from '../contracts/driver.ts';
import { script } from '../contracts/program.ts';
import { pause, processesWith } from './process/harness.ts';

driverContract(
  'process',
  { images: false, volumes: false, names: false, pause: true, networks: false },
  async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'agentctl-process-'));
    return {
      driver: (storeId) => createProcessDriver({ stateDir, storeId, clock: systemClock, log: silentLog }),
      run: (program, marker) => ({ command: ['sh', '-c', script(program, marker)] }),
      filePath: 'settings/greeting.txt',
      left: async (marker) => processesWith(`sleep ${marker}`).length,
      pause,
      close: () => rm(stateDir, { recursive: true, force: true }),
    };
  },
);
