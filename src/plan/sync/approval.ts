import type { SyncSpec } from '../../api/objects.ts';

/** Whether so many deletions at once wait for a person. */
export function waitsForApproval(
  { source, maxPrunePercent }: Pick<SyncSpec, 'source' | 'maxPrunePercent'>,
  { deletes, inventory, manifests }: { deletes: number; inventory: number; manifests: number },
): boolean {
  if (deletes === 0) return false;
  // What is left of a folder when its disk is not mounted is an empty one.
  if (source.directory !== undefined && manifests === 0) return true;
  return deletes * 100 > inventory * maxPrunePercent;
}
