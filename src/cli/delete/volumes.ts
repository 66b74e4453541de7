import { isApiError } from '../../api/errors.ts';
import { listed } from '../../api/listed.ts';
import type { ObjectKey } from '../../api/objects.ts';
import type { Volume } from '../../client/streams.ts';
import type { Cli, Client } from '../cli.ts';
import type { Selected } from '../select.ts';

/** What a deletion of the agent keeps. Where its Runtime cannot be asked, that is told and the deletion goes on. */
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

/** Removes them once the agent is gone; the controller refuses it for one that stays. */
export async function purgeVolumes(
  client: Client,
  { key, text }: Selected,
  volumes: readonly Volume[],
  cli: Cli,
): Promise<void> {
  if (volumes.length === 0) return;
  for (const { name } of await client.purge(key)) cli.err(`${text}: volume ${name} deleted\n`);
}

export function tellKept(volumes: readonly Volume[], cli: Cli): void {
  if (volumes.length === 0) return;
  const names = listed(volumes.map(({ runtime, name }) => `${name} (runtime ${runtime})`));
  const what = volumes.length === 1 ? 'volume' : 'volumes';
  cli.err(`kept: ${what} ${names}. 'agentctl delete --purge' takes them too.\n`);
}
