import { uptime } from 'node:os';
import type { EngineFacts } from './body.ts';
import { ifExists } from './docker-errors.ts';
import type { Engine } from './engine.ts';
import { type ContainerInspect, instantOf } from './wire.ts';

export async function readFacts(engine: Engine): Promise<EngineFacts> {
  const version = await engine.calls.version();
  const components = version.Components ?? [];
  const podman = components.some(({ Name: name }) => name.startsWith('Podman'));
  return {
    podman,
    version: `${podman ? 'Podman' : 'Docker'} ${version.Version}`,
    // Docker lists its init if it is installed. Podman does not report its init, and refuses a container if the init is
    // missing.
    init: podman || components.some(({ Name: name }) => name === 'docker-init'),
  };
}

/**
 * Returns when the engine began. Docker creates its default bridge at each start; nothing else shows the time. Podman's
 * containers do not depend on its service, so only a boot of the host ends them.
 */
export async function readEngineStart(
  engine: Engine,
  podman: boolean,
  local: boolean,
  now: number,
): Promise<number | undefined> {
  if (podman) return local ? now - uptime() * 1000 : undefined;
  const bridge = await ifExists(engine.fresh.getNetwork('bridge').inspect());
  return bridge === undefined ? undefined : instantOf(bridge.Created);
}

/** Returns where the controller can reach a port of the container. Pure. */
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
