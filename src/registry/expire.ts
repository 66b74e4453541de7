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

/** Removes Events that were last seen over an hour ago. */
export async function expireEvents(records: Records, now: number): Promise<void> {
  const info = kindInfo('Event');
  const { rows } = await records.store.list(prefixOf(info));
  const old = rows.map(decodeRow).filter((event) => now - lastSeen(event) > lifetime);
  await Promise.all(old.map((event) => records.remove(info, event).catch(seenAgain)));
}

/** Or gone already. */
function seenAgain(error: unknown): void {
  if (!(error instanceof StoreError && error.reason === 'Conflict')) throw error;
}
