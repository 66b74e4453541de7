import { isVirtual } from '../api/kinds.ts';
import type { AnyObject, ConfigMap, Event, Namespace, Revision, Secret } from '../api/objects.ts';
import { type AgentView, readAgent } from './agent-view.ts';
import { type ApprovalView, approvalView } from './approval-view.ts';
import { type ConversationView, readConversation } from './conversation-view.ts';
import { eventsAbout } from './events-about.ts';
import { type InstanceDetails, readInstance } from './instance-details.ts';
import type { Lookup } from './lookup.ts';
import { type MessageView, readMessage } from './message-view.ts';
import { type Origin, readOrigin } from './origin.ts';
import { type PolicyView, readPolicy } from './policy-view.ts';
import { type RuntimeDetails, runtimeDetails } from './runtime-details.ts';
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
