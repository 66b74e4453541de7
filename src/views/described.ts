import { syncAnnotations } from '../api/annotations.ts';
import { isVirtual } from '../api/kinds.ts';
import type {
  AnyObject,
  ConfigMap,
  Event,
  Namespace,
  Revision,
  Runtime,
  RuntimeStatus,
  Secret,
} from '../api/objects.ts';
import { type AgentView, type PolicyView, readAgent, readPolicy } from './agent-view.ts';
import {
  type ApprovalView,
  approvalView,
  type ConversationView,
  type MessageView,
  readConversation,
  readMessage,
} from './conversation-view.ts';
import { type InstanceDetails, readInstance } from './instance-details.ts';
import type { Lookup } from './lookup.ts';
import { readSync, type SyncView } from './sync-view.ts';

/** One object with everything around it that explains it. */
export interface Described {
  view: ObjectView;
  origin: Origin | undefined;
  /** Absent if they were not read, and for kinds without Events. */
  events: readonly Event[] | undefined;
}

/** Objects of the last kinds are shown as they are. */
type ObjectView =
  | AgentView
  | InstanceDetails
  | RuntimeDetails
  | PolicyView
  | SecretView
  | MessageView
  | ConversationView
  | ApprovalView
  | SyncView
  | ConfigMap
  | Event
  | Namespace
  | Revision;

/** Never has a value. */
export interface SecretView extends Pick<Secret, 'kind' | 'metadata'> {
  type: Secret['type'] | undefined;
  /** Sorted by key. */
  data: readonly { key: string; bytes: number }[];
}

interface Reading {
  now: number;
  signal: AbortSignal;
  withEvents: boolean;
}

export async function readDescribed(lookup: Lookup, object: AnyObject, reading: Reading): Promise<Described> {
  const hasEvents = reading.withEvents && object.kind !== 'Event' && !isVirtual(object.kind);
  const { namespace } = object.metadata;
  const [view, origin, events] = await Promise.all([
    readView(lookup, object, reading),
    readOrigin(lookup, object),
    hasEvents ? lookup.list('Event', { namespace }) : undefined,
  ]);
  return { view, origin, events: events && eventsAbout(events.items, object) };
}

async function readView(lookup: Lookup, object: AnyObject, { now, signal }: Reading): Promise<ObjectView> {
  switch (object.kind) {
    case 'Agent':
      return readAgent(lookup, object, now);
    case 'Instance':
      return readInstance(lookup, object);
    case 'Runtime':
      return runtimeDetails(object);
    case 'Policy':
      return readPolicy(lookup, object);
    case 'Secret':
      return secretView(object);
    case 'Message':
      return readMessage(lookup, object, signal);
    case 'Conversation':
      return readConversation(lookup, object);
    case 'Approval':
      return approvalView(object);
    case 'Sync':
      return readSync(lookup, object);
    case 'ConfigMap':
    case 'Event':
    case 'Namespace':
    case 'Revision':
      return object;
  }
}

function secretView({ kind, metadata, type, data = {} }: Secret): SecretView {
  const keys = Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    kind,
    metadata,
    type,
    data: keys.map(([key, value]) => ({ key, bytes: Buffer.from(value, 'base64').length })),
  };
}

/** Where an object comes from. */
export interface Origin {
  /** The Sync that applies it, as namespace/name. */
  sync: string;
  /** The Sync no longer exists. */
  isGone: boolean;
  /** The revision that changed it last. */
  revision?: string | undefined;
  /** Its file in the source. */
  path?: string | undefined;
}

/** Returns undefined for an object that no Sync applies. */
async function readOrigin(lookup: Lookup, { metadata }: AnyObject): Promise<Origin | undefined> {
  const { annotations = {} } = metadata;
  const sync = annotations[syncAnnotations.sync];
  if (sync === undefined) return undefined;
  const [namespace, name] = sync.split('/');
  return {
    sync,
    isGone:
      namespace !== undefined &&
      name !== undefined &&
      (await lookup.find('Sync', { namespace, name })) === undefined,
    revision: annotations[syncAnnotations.revision],
    path: annotations[syncAnnotations.path],
  };
}

/** A Runtime as people see it. */
export interface RuntimeDetails
  extends Pick<Runtime, 'kind' | 'metadata' | 'spec'>,
    Required<Pick<RuntimeStatus, 'running' | 'queued' | 'conditions'>> {
  /** The engine's name and version; absent until it has answered. */
  version?: string | undefined;
  breaker: Required<Omit<Breaker, 'openedAt'>> & Pick<Breaker, 'openedAt'>;
}

type Breaker = NonNullable<RuntimeStatus['breaker']>;

function runtimeDetails({ kind, metadata, spec, status = {} }: Runtime): RuntimeDetails {
  const { version, running = 0, queued = 0, breaker, conditions = [] } = status;
  return {
    kind,
    metadata,
    spec,
    version,
    running,
    queued,
    breaker: { state: 'Closed', failures: 0, ...breaker },
    conditions,
  };
}

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
function eventsAbout(events: readonly Event[], { kind, metadata }: AnyObject): Event[] {
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
