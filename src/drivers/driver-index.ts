import { type Capabilities, capabilitiesOf } from '../api/capabilities.ts';
import type { AgentSpec, Runtime } from '../api/objects.ts';
import { type Author, notAllowed } from '../plan/allow.ts';
import { docker } from './docker/docker-entry.ts';
import type { Driver } from './driver.ts';
import type { DriverContext, DriverEntry } from './driver-entry.ts';
import { ownUser } from './own-user.ts';
import { process } from './process/process-entry.ts';

/** Every driver by its name in Runtime.spec. To add one, add a line here. */
const drivers: Record<Runtime['spec']['driver'], DriverEntry> = { docker, process };

export const openDriver = (runtime: Runtime, context: DriverContext): Promise<Driver> =>
  drivers[runtime.spec.driver].open(runtime, context);

/**
 * Returns `field: reason` for each field of the spec that the driver does not support or the Runtime does not allow.
 */
export const unsupported = (
  runtime: Runtime['spec'],
  spec: AgentSpec,
  author: Author | undefined,
): string[] => [
  ...lacking(capabilitiesOf(runtime), spec),
  ...drivers[runtime.driver].unsupported(spec, runtime),
  ...notAllowed(spec.template, runtime, { author, controller: ownUser() }),
];

/** Returns `field: reason` for what the spec uses and no instance of such a driver has. */
export function lacking(
  { stdio }: Pick<Capabilities, 'stdio'>,
  { protocol }: Pick<AgentSpec, 'protocol'>,
): string[] {
  if (stdio !== 'None' || protocol === 'none') return [];
  return [
    'spec.protocol: the Runtime cannot attach to standard input and output; set protocol: none, or use another Runtime',
  ];
}
