import type { AgentSpec, Runtime } from '../api/objects.ts';
import { unsupportedByDocker } from './docker/unsupported.ts';
import type { Unsupported } from './driver.ts';
import { unsupportedByProcess } from './process.ts';

/** Every driver by its name in Runtime.spec. To add one: its line here, and how it is made in src/daemon/drivers.ts. */
const checks: Record<Runtime['spec']['driver'], Unsupported> = {
  docker: unsupportedByDocker,
  process: unsupportedByProcess,
};

/** `field: reason` for each field of the spec that the driver cannot honour on this Runtime. */
export const unsupported = (
  driver: Runtime['spec']['driver'],
  spec: AgentSpec,
  runtime: { allowHostPaths: readonly string[] },
): string[] => checks[driver](spec, runtime);
