import type { Runtime } from '../api/objects.ts';
import type { Resources } from '../client/resources.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Driver, Unsupported } from './driver.ts';

/** What the index of drivers has of each. */
export interface DriverEntry {
  unsupported: Unsupported;
  /** Creates the driver for a Runtime. Loads its code only then. */
  open(runtime: Runtime, context: DriverContext): Promise<Driver>;
}

/** What drivers get from the controller. */
export interface DriverContext {
  resources: Resources;
  /** The state folder. */
  state: string;
  /** A folder in memory, for Secrets. */
  secrets: string;
  /** The soft limit of open files for agents. Absent: the controller's own limit. */
  agentFiles?: number | undefined;
  storeId: string;
  /** The command that becomes the collector of output, and its version. */
  collector: { command: readonly string[]; version: string };
  clock: Clock;
  log: Log;
}
