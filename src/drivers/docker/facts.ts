import { uptime } from 'node:os';
import type { EngineFacts } from './body.ts';
import type { Engine } from './engine.ts';
import { hasStatus } from './errors.ts';
import { type ContainerInspect, instantOf } from './wire.ts';

export async function readFacts(engine: Engine): Promise<EngineFacts> {
  const version = await engine.calls.version();
  const components = version.Components ?? [];
  const podman = components.some(({ Name: name }) => name.startsWith('Podman'));
  return {
    podman,
    version: `${podman ? 'Podman' : 'Docker'} ${version.Version}`,
    // Docker lists it where it is installed. Podman tells of its own nowhere, and refuses a container where it is missing.
    init: podman || components.some(({ Name: name }) => name === 'docker-init'),
  };
}

/**
 * When the engine began. Docker makes its default bridge anew at each start, and says so nowhere else. Podman's
 * containers live without it, so only the boot of the host ends them.
 */
export async function readEngineStart(
  engine: Engine,
  podman: boolean,
  local: boolean,
  now: number,
): Promise<number | undefined> {
  if (podman) return local ? now - uptime() * 1000 : undefined;
  try {
    const { Created: created } = await engine.fresh.getNetwork('bridge').inspect();
    return instantOf(created);
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

/** Pure: where the controller reaches a port of the container. */
export function addressOf(
  inspect: ContainerInspect,
  port: number,
  engine: { local: boolean; host: string },
): { host: string; port: number } | undefined {
  if (!inspect.State.Running) return undefined;
  if (inspect.HostConfig.NetworkMode === 'host') return { host: engine.host, port };
  const { IPAddress: own, Networks: networks, Ports: ports } = inspect.NetworkSettings;
  const ip = own || Object.values(networks ?? {}).find((network) => network.IPAddress !== '')?.IPAddress;
  if (engine.local && ip) return { host: ip, port };
  const published = ports?.[`${port}/tcp`]?.[0];
  if (published === undefined) return undefined;
  const everywhere = ['', '0.0.0.0', '::'].includes(published.HostIp);
  return { host: everywhere ? engine.host : published.HostIp, port: Number(published.HostPort) };
}
