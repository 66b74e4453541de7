import type { Sync } from '../../api/objects.ts';
import type { Client } from '../cli.ts';
import { found } from '../found.ts';

/** What stands elsewhere, and a Sync cannot do without. */
export interface SyncNeeds {
  /** `secret/fleet-git`, and whether it is missing. */
  secret(name: string): string;
  /** Whether a Git host could reach the controller at all. */
  listens: boolean;
}

export async function syncNeeds(client: Client, { metadata, spec }: Sync): Promise<SyncNeeds> {
  const { namespace } = metadata;
  const { secretRef, verify, webhook } = spec.source.git ?? {};
  const missing = new Set<string>();
  for (const ref of [secretRef, verify?.secretRef, webhook?.secretRef]) {
    if (ref === undefined) continue;
    const secret = await found(client.get('Secret', { namespace, name: ref.name }));
    if (secret === undefined) missing.add(ref.name);
  }
  return {
    secret: (name) => `secret/${name}${missing.has(name) ? ' (missing)' : ''}`,
    listens: webhook !== undefined && (await client.status()).tls !== undefined,
  };
}
