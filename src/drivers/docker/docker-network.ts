import { networkInterfaces } from 'node:os';
import type { NetworkInspectInfo } from 'dockerode';
import type { Log } from '../../platform/log.ts';
import { hasStatus, stepError } from './docker-errors.ts';
import type { Engine } from './engine.ts';

/**
 * Our own bridge network, shared by all controllers of the engine. Its gateway is an address of the host at which we
 * can listen.
 */
const networkName = 'agentctl';

export interface Network {
  /**
   * Creates the network if it is missing. Returns what a container names to join it: its name, or its id if several
   * networks have that name. Returns undefined if the engine cannot create it: then instances run without it.
   */
  ensure(): Promise<string | undefined>;
  /**
   * Returns undefined if this host does not have the address: the engine is remote, rootless or in a virtual machine,
   * or creates the bridge only with its first container (Podman).
   */
  gateway(): Promise<string | undefined>;
}

export function createNetwork({ calls }: Engine, local: boolean, log: Log, name = networkName): Network {
  /** Returns the networks with the name, oldest first. The engine's filter also matches parts of names. */
  const list = async (): Promise<NetworkInspectInfo[]> => {
    const all: NetworkInspectInfo[] = await calls
      .listNetworks({ filters: { name: [name] } })
      .catch((error: unknown) => {
        throw stepError(error, '', `list the networks named ${name}`);
      });
    return all
      .filter((network) => network.Name === name)
      .toSorted((a, b) => (`${a.Created} ${a.Id}` < `${b.Created} ${b.Id}` ? -1 : 1));
  };

  /** The engine refuses to remove a network in use. */
  const removed = async (id: string): Promise<boolean> => {
    try {
      await calls.getNetwork(id).remove();
      return true;
    } catch (error) {
      if (hasStatus(error, 404)) return true;
      if (!hasStatus(error, 400, 403, 409, 500))
        throw stepError(error, '', `remove the duplicate network ${id}`);
      log.debug({ err: error, network: id }, 'a duplicate of the network is in use');
      return false;
    }
  };

  /** Removes unused duplicates, newest first, so that all controllers keep the same network. */
  const mend = async (found: readonly NetworkInspectInfo[]): Promise<NetworkInspectInfo[]> => {
    let left = [...found];
    for (const { Id: id } of found.toReversed())
      if (left.length > 1 && (await removed(id))) left = left.filter((network) => network.Id !== id);
    return left;
  };

  /**
   * Another controller may create it at the same time, and Docker does not refuse the second. So the list is read
   * again.
   */
  const make = async (): Promise<NetworkInspectInfo[]> => {
    const refusal: unknown = await calls
      .createNetwork({ Name: name, Driver: 'bridge', CheckDuplicate: true })
      .then(() => undefined)
      .catch((error: unknown) => error);
    const found = await list();
    if (found.length > 0 || refusal === undefined) return mend(found);
    const failure = stepError(refusal, '', `make the network ${name}`);
    if (!hasStatus(refusal, 400, 403, 500)) throw failure;
    log.warn({ err: failure }, 'agents get no network of their own');
    return [];
  };

  const settle = async (): Promise<NetworkInspectInfo[]> => {
    const found = await list();
    return found.length === 0 ? make() : mend(found);
  };

  let running: Promise<NetworkInspectInfo[]> | undefined;
  const once = (): Promise<NetworkInspectInfo[]> => {
    running ??= settle().finally(() => {
      running = undefined;
    });
    return running;
  };

  return {
    async ensure() {
      const [first, ...others] = await once();
      return others.length === 0 ? first?.Name : first?.Id;
    },
    async gateway() {
      if (!local) return undefined;
      const { SecurityOptions: security }: { SecurityOptions?: string[] | null } = await calls.info();
      if (security?.some((option) => option.includes('rootless'))) return undefined;
      const ours = Object.values(networkInterfaces()).flatMap((all = []) =>
        all.map(({ address }) => address),
      );
      const gateways = (await once()).flatMap(({ IPAM: ipam }) =>
        // Some versions add the prefix length.
        (ipam?.Config ?? []).map(({ Gateway: gateway = '' }) => gateway.replace(/\/\d+$/, '')),
      );
      return gateways.find((gateway) => ours.includes(gateway));
    },
  };
}
