import { statSync } from 'node:fs';
import { isCode } from '../platform/code.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Runtimes for the first start: `process` always, an engine where its socket is found. */
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

/** One that may not even be looked at, as in root's folder of Podman, is none for this user. */
function defaultIsSocket(path: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG')) return false;
    throw error;
  }
}
