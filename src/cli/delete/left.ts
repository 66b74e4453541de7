import type { Sync } from '../../api/objects.ts';
import type { Cli } from '../cli.ts';
import { counted } from '../counted.ts';

/** What a Sync applied outlives it. */
export function tellLeft({ metadata, status = {} }: Sync, cli: Cli): void {
  const count = status.objects ?? status.inventory?.length ?? 0;
  if (count === 0) return;
  cli.err(
    `kept: ${counted(count, 'object')} applied by sync ${metadata.name}, which are no longer synced. Delete them with 'agentctl delete -f' and the same manifests.\n`,
  );
}
