import type { Runtime } from '../../api/objects.ts';
import type { Resources } from '../../client/resources.ts';
import type { DriverEntry } from '../driver-entry.ts';
import { unsupportedByDocker } from './container-body.ts';

export const docker: DriverEntry = {
  unsupported: unsupportedByDocker,
  async open(runtime, { resources, secrets: secretsDir, storeId, clock, log }) {
    const { endpoint } = runtime.spec;
    if (endpoint === undefined)
      throw new Error(
        'spec.endpoint is missing: set the address of the engine, such as unix:///var/run/docker.sock.',
      );
    const { createDockerDriver } = await import('../docker.ts');
    const tls = await readTls(runtime, resources);
    // Read at each start, so that a change needs no new connection.
    const allowHostPaths = async (): Promise<readonly string[]> =>
      (await resources.get('Runtime', runtime.metadata)).spec.allowHostPaths;
    return createDockerDriver({ endpoint, tls, storeId, secretsDir, allowHostPaths, clock, log });
  },
};

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
