import type { ContainerInspect } from './wire.ts';

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
