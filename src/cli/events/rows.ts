import { findKind } from '../../api/kinds.ts';
import type { Event } from '../../api/objects.ts';
import { age } from '../../api/time.ts';
import { lastSeen } from '../../views/described.ts';
import { localTimes } from '../print/when.ts';

/** As in kubectl: `3m (x4 over 2h)`. */
function seen(event: Event, now: number): string {
  const last = age(lastSeen(event), now);
  if ((event.count ?? 1) <= 1) return last;
  return `${last} (x${event.count} over ${age(event.firstTimestamp ?? event.metadata.creationTimestamp, now)})`;
}

export function eventRow(event: Event, now: number, withNamespace: boolean): string[] {
  const { kind = '', name = '' } = event.involvedObject;
  const word = findKind(kind)?.singular ?? kind.toLowerCase();
  return [
    ...(withNamespace ? [event.metadata.namespace ?? ''] : []),
    seen(event, now),
    event.type ?? 'Normal',
    event.reason ?? '',
    `${word}/${name}`,
    localTimes(event.message ?? ''),
  ];
}
