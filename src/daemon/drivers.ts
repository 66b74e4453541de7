import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Runtime } from '../api/objects.ts';
import type { Resources } from '../client/resources.ts';
import type { Driver } from '../drivers/driver.ts';
import { withMeters } from '../drivers/driver-meters.ts';
import {
  collectorFiles,
  createOpenFiles,
  type FileCount,
  type OpenFiles,
  withOpenFiles,
} from '../drivers/open-files.ts';
import type { Clock } from '../platform/clock.ts';
import { ignoring } from '../platform/code.ts';
import type { Log } from '../platform/log.ts';
import { type Meters, noMeters } from '../platform/meters.ts';
import { ownCommand } from '../platform/own-command.ts';
import { collectWord } from './collect-word.ts';
import { version } from './own-version.ts';

export interface DriverDeps {
  resources: Resources;
  state: string;
  secrets: string;
  /** The soft limit of open files for agents. Absent: the controller's own limit. */
  agentFiles?: number | undefined;
  /** Belongs to this process, so all drivers share it. */
  openFiles: OpenFiles;
  storeId: string;
  clock: Clock;
  log: Log;
  meters?: Meters;
}

/** Creates the driver for a Runtime's spec. Loads only that driver. */
export async function makeDriver(runtime: Runtime, deps: DriverDeps): Promise<Driver> {
  const driver = withOpenFiles(await driverOf(runtime, deps), deps.openFiles);
  return withMeters(driver, runtime.spec.driver, deps.meters ?? noMeters);
}

async function driverOf(runtime: Runtime, deps: DriverDeps): Promise<Driver> {
  const { clock, log, storeId } = deps;
  const { driver, endpoint } = runtime.spec;
  switch (driver) {
    case 'process': {
      const { createProcessDriver } = await import('../drivers/process.ts');
      const collector = { command: [...ownCommand(), collectWord], version };
      const { state: stateDir, agentFiles } = deps;
      const { countCollectorFiles } = await import('../drivers/process/collector/collector-client.ts');
      const count = (): FileCount => countCollectorFiles(resolve(stateDir, 'instances'));
      return withOpenFiles(
        createProcessDriver({ stateDir, agentFiles, storeId, collector, clock, log }),
        createOpenFiles(clock, count, collectorFiles),
      );
    }
    case 'docker': {
      if (endpoint === undefined) {
        throw new Error(
          'spec.endpoint is missing: set the address of the engine, such as unix:///var/run/docker.sock.',
        );
      }
      const { createDockerDriver } = await import('../drivers/docker.ts');
      const tls = await readTls(runtime, deps.resources);
      const { resources, secrets: secretsDir } = deps;
      // Read at each start, so that a change needs no new connection.
      const allowHostPaths = async (): Promise<readonly string[]> =>
        (await resources.get('Runtime', runtime.metadata)).spec.allowHostPaths;
      return createDockerDriver({ endpoint, tls, storeId, secretsDir, allowHostPaths, clock, log });
    }
  }
}

async function readTls(
  { spec }: Runtime,
  resources: Resources,
): Promise<{ ca: Buffer; cert: Buffer; key: Buffer } | undefined> {
  if (spec.tlsSecretRef === undefined) return undefined;
  const { data } = await resources.get('Secret', spec.tlsSecretRef);
  const read = (key: string): Buffer => {
    const value = data?.[key];
    if (value === undefined) {
      const { namespace, name } = spec.tlsSecretRef ?? {};
      throw new Error(
        `Secret ${namespace}/${name} has no key ${key}: it requires ca.crt, tls.crt and tls.key.`,
      );
    }
    return Buffer.from(value, 'base64');
  };
  return { ca: read('ca.crt'), cert: read('tls.crt'), key: read('tls.key') };
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
