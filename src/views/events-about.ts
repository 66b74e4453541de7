import type { AnyObject, Event } from '../api/objects.ts';

export const lastSeen = (event: Event): string | undefined =>
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

/** Returns the Events about an object, the oldest first. Equal ones are one, with their total count. */
export function eventsAbout(events: readonly Event[], { kind, metadata }: AnyObject): Event[] {
  const about = events.filter(
    (event) => isAbout(event, kind, metadata.name) && isSince(event, metadata.creationTimestamp),
  );
  return folded(about.sort(byTime));
}

function folded(events: readonly Event[]): Event[] {
  const same = Map.groupBy(events, ({ type, reason, message, involvedObject: { kind, name } }) =>
    JSON.stringify([type, reason, kind, name, message]),
  );
  return [...same.values()]
    .map((all): Event => {
      const [first, last] = [all[0], all.at(-1)] as [Event, Event]; // a group has one or more
      if (all.length === 1) return last;
      const count = all.reduce((sum, event) => sum + (event.count ?? 1), 0);
      const firstTimestamp = first.firstTimestamp ?? first.metadata.creationTimestamp;
      return { ...last, count, firstTimestamp };
    })
    .sort(byTime);
}
