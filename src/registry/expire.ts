import { kindInfo } from '../api/kinds.ts';
import { parseTime } from '../api/time.ts';
import { StoreError } from '../store/store.ts';
import { type AnyResource, decodeRow, prefixOf } from './object.ts';
import type { Records } from './records.ts';

/** As kube-apiserver's --event-ttl. */
const lifetime = 60 * 60 * 1000;

/** Of a namespace. A busy fleet records far more within their lifetime. */
const mostEvents = 5_000;

function lastSeen({ metadata, lastTimestamp, eventTime }: AnyResource): number {
  const times = [lastTimestamp, eventTime, metadata.creationTimestamp].map((time) =>
    typeof time === 'string' ? (parseTime(time) ?? 0) : 0,
  );
  return Math.max(...times);
}

/** Removes Events that were last seen over an hour ago, and in each namespace all but the newest `most`. */
export async function expireEvents(records: Records, now: number, most = mostEvents): Promise<void> {
  const info = kindInfo('Event');
  const { rows } = await records.store.list(prefixOf(info));
  const events = rows.map((row) => {
    const event = decodeRow(row);
    return { event, seen: lastSeen(event), revision: row.modRevision };
  });
  const old = [...Map.groupBy(events, ({ event }) => event.metadata.namespace).values()].flatMap((all) =>
    all
      .toSorted((one, other) => other.seen - one.seen || other.revision - one.revision)
      .filter(({ seen }, place) => place >= most || now - seen > lifetime),
  );
  await Promise.all(old.map(({ event }) => records.remove(info, event).catch(seenAgain)));
}

/** Or gone already. */
function seenAgain(error: unknown): void {
  if (!(error instanceof StoreError && error.reason === 'Conflict')) throw error;
}
