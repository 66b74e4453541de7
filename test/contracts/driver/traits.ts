import { type Capabilities, driverCapabilities } from '../../../src/api/capabilities.ts';
import type { DriverTraits } from './context.ts';

export const dockerTraits: DriverTraits = {
  capabilities: driverCapabilities.docker,
  parts: ['restart', 'stdio', 'logs', 'exec', 'address', 'hostAddress', 'images', 'volumes', 'conditions'],
  names: true,
  pause: true,
  networks: true,
};

/** An engine that starts nothing again, runs the checks itself, and has one way to stop an instance. */
export const podCapabilities: Capabilities = {
  ...driverCapabilities.docker,
  noun: 'pod',
  restartInPlace: false,
  nativeProbes: true,
  signals: false,
};

export const podTraits: DriverTraits = {
  ...dockerTraits,
  capabilities: podCapabilities,
  parts: dockerTraits.parts.filter((part) => part !== 'restart'),
};
