import { findKind } from '../../api/kinds.ts';
import type { Event } from '../../api/objects.ts';
import { age } from '../../api/time.ts';
import { localTimes } from '../print/when.ts';

const lastSeen = (event: Event): string | undefined =>
  event.lastTimestamp ?? event.eventTime ?? event.firstTimestamp ?? event.metadata.creationTimestamp;

export const byTime = (a: Event, b: Event): number =>
  Date.parse(lastSeen(a) ?? '') - Date.parse(lastSeen(b) ?? '') ||
  Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion);

/**
 * Whether an Event is about the object or, for an agent, about one of its instances, which are recognized by name if
 * the Event does not say it.
 */
export function isAbout({ involvedObject, related }: Event, kind: string, name: string): boolean {
  if (involvedObject.kind === kind) return involvedObject.name === name;
  if (related?.kind === kind) return related.name === name;
  if (kind !== 'Agent' || involvedObject.kind !== 'Instance') return false;
  const instance = involvedObject.name ?? '';
  return instance.startsWith(`${name}-`) && /^\d+$/.test(instance.slice(name.length + 1));
}

/**
 * Whether the Event is newer than the object: an earlier object may have had the same name. If the Event has no uid,
 * only the name counts.
 */
export const isSince = (event: Event, made: string | undefined): boolean =>
  made === undefined ||
  event.involvedObject.uid === undefined ||
  Date.parse(lastSeen(event) ?? made) >= Date.parse(made);

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
