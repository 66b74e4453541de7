import { kindInfo } from '../api/kinds.ts';
import { parseTime } from '../api/time.ts';
import { StoreError } from '../store/store.ts';
import { type AnyResource, decodeRow, prefixOf } from './object.ts';
import type { Records } from './records.ts';

const lifetime = 60 * 60 * 1000; // kube-apiserver: --event-ttl

function lastSeen({ metadata, lastTimestamp, eventTime }: AnyResource): number {
  const times = [lastTimestamp, eventTime, metadata.creationTimestamp].map((time) =>
    typeof time === 'string' ? (parseTime(time) ?? 0) : 0,
  );
  return Math.max(...times);
}

/** Removes Events that were last seen over an hour ago. Answers how many. */
export async function expireEvents(records: Records, now: number): Promise<number> {
  const info = kindInfo('Event');
  const { rows } = await records.store.list(prefixOf(info));
  const old = rows.map(decodeRow).filter((event) => now - lastSeen(event) > lifetime);
  const removals = old.map((event) =>
    records.remove(info, event).then(
      () => 1,
      (error: unknown) => {
        if (error instanceof StoreError && error.reason === 'Conflict') return 0; // seen again just now, or gone
        throw error;
      },
    ),
  );
  return (await Promise.all(removals)).reduce((sum, one) => sum + one, 0);
}
