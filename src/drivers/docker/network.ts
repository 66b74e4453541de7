import { networkInterfaces } from 'node:os';
import type { Log } from '../../platform/log.ts';
import type { Engine } from './engine.ts';
import { hasStatus, stepError } from './errors.ts';

/** A bridge of our own, for all controllers at the engine: its gateway is an address of the host that is ours to listen on. */
export const networkName = 'agentctl';

export interface Network {
  /** Makes it where it is missing. False where it cannot be made: then instances do without. */
  ensure(): Promise<boolean>;
  /** Undefined where this host does not have it: the engine is remote, rootless or in a virtual machine, or makes the bridge only with its first container (Podman). */
  gateway(): Promise<string | undefined>;
}

export function createNetwork({ calls }: Engine, local: boolean, log: Log): Network {
  const ensure = async (): Promise<boolean> => {
    try {
      await calls.getNetwork(networkName).inspect();
      return true;
    } catch (error) {
      if (!hasStatus(error, 404)) throw stepError(error, '', `inspect the network ${networkName}`);
    }
    try {
      await calls.createNetwork({ Name: networkName, Driver: 'bridge', CheckDuplicate: true });
      return true;
    } catch (error) {
      if (hasStatus(error, 409)) return true;
      const told = stepError(error, '', `make the network ${networkName}`);
      if (!hasStatus(error, 400, 403, 500)) throw told;
      log.debug({ err: told }, 'agents get no network of their own');
      return false;
    }
  };

  return {
    ensure,
    async gateway() {
      if (!local) return undefined;
      const { SecurityOptions: security }: { SecurityOptions?: string[] | null } = await calls.info();
      if (security?.some((option) => option.includes('rootless')) || !(await ensure())) return undefined;
      const { IPAM: ipam } = await calls.getNetwork(networkName).inspect();
      const ours = Object.values(networkInterfaces()).flatMap((all = []) =>
        all.map(({ address }) => address),
      );
      // With its length of prefix, in some versions.
      const gateways = (ipam?.Config ?? []).map(({ Gateway: gateway = '' }) => gateway.replace(/\/\d+$/, ''));
      return gateways.find((gateway) => ours.includes(gateway));
    },
  };
}
