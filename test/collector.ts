import { join } from 'node:path';
import type { CollectorCommand } from '../src/drivers/process/collector/collector-client.ts';

/** How the process driver of a test starts its collector: from the sources. */
export const collector: CollectorCommand = {
  command: [process.execPath, join(import.meta.dirname, '../src/cli/main.ts'), '__collect'],
  version: 'test',
};
