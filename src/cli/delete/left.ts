import type { Sync } from '../../api/objects.ts';
import type { Cli } from '../cli.ts';
import { counted } from '../counted.ts';

/** What a Sync applied outlives it. */
export function tellLeft({ metadata, status = {} }: Sync, cli: Cli): void {
  const count = status.objects ?? status.inventory?.length ?? 0;
  if (count === 0) return;
  cli.err(
    `kept: ${counted(count, 'object')} that sync ${metadata.name} applied; nothing follows its source any more. 'agentctl delete -f' with the same manifests deletes what is left.\n`,
  );
}
