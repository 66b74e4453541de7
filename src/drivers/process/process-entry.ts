import { resolve } from 'node:path';
import type { DriverEntry } from '../driver-entry.ts';
import { collectorFiles, createOpenFiles, withOpenFiles } from '../open-files.ts';
import { unsupportedFields } from './process-checks.ts';
import { findTool } from './process-host.ts';

export const process: DriverEntry = {
  unsupported: (spec) =>
    unsupportedFields(spec, {
      // A getter, so that it is evaluated only if a spec names a user.
      get canSwitchUser() {
        return globalThis.process.getuid?.() === 0 && findTool('setpriv') !== undefined;
      },
    }),
  async open(_runtime, { state: stateDir, agentFiles, storeId, collector, clock, log }) {
    const { createProcessDriver } = await import('../process.ts');
    const { countCollectorFiles } = await import('./collector/collector-client.ts');
    return withOpenFiles(
      createProcessDriver({ stateDir, agentFiles, storeId, collector, clock, log }),
      createOpenFiles(clock, () => countCollectorFiles(resolve(stateDir, 'instances')), collectorFiles),
    );
  },
};
