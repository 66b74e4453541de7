import type { Sync } from '../../api/objects.ts';
import { unsupported } from '../../drivers/driver-index.ts';
import type { Bounds } from '../../plan/sync-bounds.ts';
import { authorFor } from '../author.ts';
import type { Cache } from '../cache.ts';

/** Returns the limits of a Sync, from the Runtimes in the cache. */
export const boundsOf = (sync: Sync, cache: Cache): Bounds => ({
  sync,
  runtimeOf: ({ runtimeRef, template }) => {
    const name = runtimeRef?.name ?? cache.defaultRuntime(template.image !== undefined);
    return name === undefined ? undefined : cache.runtimes.get(name);
  },
  mayRunHere: (namespace) => cache.mayRunHere(namespace, authorFor(sync)),
  unsupported: ({ spec }, agent) => unsupported(spec, agent, authorFor(sync)),
});
