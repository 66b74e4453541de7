import type { AgentSpec } from '../../api/objects.ts';
import { reservedVariable } from './environment.ts';

/** What this host allows the controller to do. */
export interface Host {
  /** Whether it may change the user. */
  canSwitchUser: boolean;
}

/** Returns each reason as `field: why, and what to do`. No field that a process does not support is ignored. */
export function unsupportedFields(spec: AgentSpec, host: Host): string[] {
  const template = spec.template;
  const reasons: string[] = [];
  const refuse = (field: string, why: string): void => void reasons.push(`spec.template.${field}: ${why}`);

  if (template.image !== undefined)
    refuse('image', 'a process has no image; remove it or use a container Runtime');
  if ((template.command ?? []).length === 0) refuse('command', 'a process requires a command');
  if ((template.volumes ?? []).length > 0)
    refuse(
      'volumes',
      'a process has direct access to the host; use host paths in the command, or spec.template.files',
    );
  if ((template.volumeMounts ?? []).length > 0) refuse('volumeMounts', 'a process cannot have mounts');
  for (const limit of ['cpu', 'memory', 'pids'] as const)
    if (template.resources?.limits?.[limit] !== undefined)
      refuse(`resources.limits.${limit}`, 'only a container Runtime can limit a whole instance');
  if (template.readOnlyRootFilesystem)
    refuse('readOnlyRootFilesystem', 'a process uses the file system of the host; use a container Runtime');
  if (template.security !== undefined)
    refuse(
      'security',
      'a process has the permissions of its user: set spec.template.user, or use a container Runtime',
    );
  const network = template.network;
  if (network !== undefined && (network.mode !== 'Host' || network.name !== undefined))
    refuse('network', 'a process uses the network of the host; remove it or set mode: Host');
  if ((network?.ports ?? []).length > 0)
    refuse('network.ports', 'a process listens on the host directly; remove the ports');
  if (template.user !== undefined && !host.canSwitchUser)
    refuse('user', 'only a controller that runs as root, on a host with setpriv, can change the user');
  if (template.workingDir !== undefined && !template.workingDir.startsWith('/'))
    refuse('workingDir', 'must be an absolute path');
  template.files?.forEach((file, index) => {
    if (leavesFolder(file.path))
      refuse(`files[${index}].path`, 'must be relative and stay in the working directory of the process');
  });
  template.env?.forEach((variable, index) => {
    if (reservedVariable(variable.name))
      refuse(`env[${index}].name`, `a shell cannot pass on "${variable.name}"; use another name`);
  });
  return reasons;
}

export const leavesFolder = (path: string): boolean =>
  path === '' || path.startsWith('/') || path.endsWith('/') || path.split('/').includes('..');
