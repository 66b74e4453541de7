import { type Capabilities, capabilitiesOf } from '../api/capabilities.ts';
import type { AgentSpec, Runtime } from '../api/objects.ts';
import { type Author, notAllowed } from '../plan/allow.ts';
import { unsupportedByDocker } from './docker/container-body.ts';
import type { Unsupported } from './driver.ts';
import { ownUser } from './own-user.ts';
import { unsupportedByProcess } from './process.ts';

/**
 * Every driver by its name in Runtime.spec. To add one, add a line here, and its construction in src/daemon/drivers.ts.
 */
const checks: Record<Runtime['spec']['driver'], Unsupported> = {
  docker: unsupportedByDocker,
  process: unsupportedByProcess,
};

/**
 * Returns `field: reason` for each field of the spec that the driver does not support or the Runtime does not allow.
 */
export const unsupported = (
  runtime: Runtime['spec'],
  spec: AgentSpec,
  author: Author | undefined,
): string[] => [
  ...lacking(capabilitiesOf(runtime), spec),
  ...checks[runtime.driver](spec, runtime),
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
