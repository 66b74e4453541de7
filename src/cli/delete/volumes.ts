import { isApiError } from '../../api/errors.ts';
import { listed } from '../../api/listed.ts';
import type { ObjectKey } from '../../api/objects.ts';
import type { Volume } from '../../client/streams.ts';
import type { Cli, Client } from '../cli.ts';
import type { Selected } from '../select.ts';

/**
 * Returns the volumes that a deletion of the agent keeps. If its Runtime cannot be reached, prints that, and the
 * deletion continues.
 */
export async function keptVolumes(client: Client, key: ObjectKey, cli: Cli): Promise<readonly Volume[]> {
  try {
    return await client.volumes(key);
  } catch (error) {
    if (isApiError(error, 'NotFound')) return [];
    if (!isApiError(error)) throw error;
    cli.err(`Warning: the volumes of ${key.name} cannot be listed: ${error.message}\n`);
    return [];
  }
}

/**
 * Removes the volumes of a deleted agent, however long ago it was deleted; the controller refuses if the agent remains.
 * Returns whether there were any.
 */
export async function purgeVolumes(
  client: Client,
  { key, text }: Selected,
  volumes: readonly Volume[],
  cli: Cli,
): Promise<boolean> {
  if (volumes.length === 0) return false;
  for (const { name } of await client.purge(key)) cli.err(`${text}: volume ${name} deleted\n`);
  return true;
}

export function tellKept({ key }: Pick<Selected, 'key'>, volumes: readonly Volume[], cli: Cli): void {
  if (volumes.length === 0) return;
  const names = listed(volumes.map(({ runtime, name }) => `${name} (runtime ${runtime})`));
  const what = volumes.length === 1 ? 'volume' : 'volumes';
  const them = volumes.length === 1 ? 'it' : 'them';
  const place = key.namespace === undefined || key.namespace === 'default' ? '' : ` -n ${key.namespace}`;
  cli.err(`kept: ${what} ${names}. 'agentctl delete agent ${key.name}${place} --purge' deletes ${them}.\n`);
}
