import { syncManager } from '../../api/annotations.ts';
import { deepEqual } from '../../api/json.ts';
import { type AnyObject, keyOf, keyText, type ObjectKey, type Sync } from '../../api/objects.ts';
import { applied } from '../../client/compare-objects.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Cache } from '../cache.ts';
import type { Keys } from '../manager.ts';
import type { Live } from './live-state.ts';
import { restlessPause } from './record.ts';
import type { SyncRecords } from './sync-records.ts';

export interface SyncWatchDeps {
  cache: Cache;
  live: Live;
  records: SyncRecords;
  clock: Clock;
}

/** Adds the key of a Sync when it changes, or its Secrets, or the objects that it applied. */
export function watchSyncs({ cache, clock, live, records }: SyncWatchDeps, keys: Keys): void {
  const { syncs, secrets } = cache;
  const changed = ({ metadata }: Sync): void => keys.add(keyText(metadata));
  syncs.addHandler({ added: changed, updated: (_, now) => changed(now), deleted: changed });
  const onSecret = (metadata: ObjectKey): void => {
    for (const sync of syncs.byIndex('secret', keyText(metadata))) {
      records.get(keyText(sync.metadata))?.hint({ what: 'Source', at: clock.now() });
      changed(sync);
    }
  };
  secrets.addHandler({
    added: ({ metadata }) => onSecret(metadata),
    updated: (before, now) => {
      if (!deepEqual(before.data, now.data)) onSecret(now.metadata);
    },
    deleted: ({ metadata }) => onSecret(metadata),
  });
  /** An object of a Sync was changed by somebody: the Sync looks at it soon, unless it is as it should be. */
  function noticed(id: string, before: AnyObject | undefined, now: AnyObject | undefined): void {
    for (const [key, record] of records.entries()) {
      if (!record.known.has(id)) continue;
      const sync = cache.syncs.get(key);
      if (sync === undefined) continue;
      const fieldManager = syncManager(keyOf(sync));
      if (record.known.isAsIt(id, now, fieldManager)) continue;
      const both = before !== undefined && now !== undefined;
      if (both && deepEqual(applied(before, { fieldManager }), applied(now, { fieldManager }))) continue;
      const at = clock.now() + restlessPause(sync, record);
      record.hint({ what: 'Objects', at });
      keys.addAt(key, at);
    }
  }
  live.onChange(noticed);
}
