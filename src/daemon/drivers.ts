import { statSync } from 'node:fs';
import type { Runtime } from '../api/objects.ts';
import type { Driver } from '../drivers/driver.ts';
import type { DriverContext } from '../drivers/driver-entry.ts';
import { openDriver } from '../drivers/driver-index.ts';
import { withMeters } from '../drivers/driver-meters.ts';
import { type OpenFiles, withOpenFiles } from '../drivers/open-files.ts';
import { ignoring } from '../platform/code.ts';
import { type Meters, noMeters } from '../platform/meters.ts';
import { ownCommand } from '../platform/own-command.ts';
import { collectWord, version } from './own-program.ts';

export interface DriverDeps extends Omit<DriverContext, 'collector'> {
  /** Belongs to this process, so all drivers share it. */
  openFiles: OpenFiles;
  meters?: Meters;
}

/** Creates the driver for a Runtime's spec. Loads only that driver. */
export async function makeDriver(
  runtime: Runtime,
  { openFiles, meters = noMeters, ...context }: DriverDeps,
): Promise<Driver> {
  const collector = { command: [...ownCommand(), collectWord], version };
  const driver = await openDriver(runtime, { ...context, collector });
  return withMeters(withOpenFiles(driver, openFiles), runtime.spec.driver, meters);
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Returns the Runtimes to create at the first start: always `process`, and an engine for each socket that exists. */
export function findEngines(
  environment: Environment,
  isSocket = defaultIsSocket,
): { name: string; endpoint: string }[] {
  const own = environment.XDG_RUNTIME_DIR;
  const given = environment.DOCKER_HOST;
  const docker = [
    ...(given?.startsWith('unix://') ? [given.slice('unix://'.length)] : []),
    '/var/run/docker.sock',
    ...(own === undefined ? [] : [`${own}/docker.sock`]),
  ].find(isSocket);
  const podman = [
    ...(own === undefined ? [] : [`${own}/podman/podman.sock`]),
    '/run/podman/podman.sock',
  ].find(isSocket);
  return [
    ...(docker === undefined ? [] : [{ name: 'docker', endpoint: `unix://${docker}` }]),
    ...(podman === undefined ? [] : [{ name: 'podman', endpoint: `unix://${podman}` }]),
  ];
}

/** Returns false for a socket that this user may not even stat, as in root's Podman folder: the user cannot use it. */
function defaultIsSocket(path: string): boolean {
  const found = ignoring(() => statSync(path), 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG');
  return found?.isSocket() ?? false;
}
