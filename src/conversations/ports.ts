import type { Agent, AgentSpec, Instance, Message, ObjectKey, PolicySpec } from '../api/objects.ts';
import { protocolCapabilitiesOf } from '../api/protocols.ts';
import { parseDuration } from '../api/time.ts';
import type { Fleet } from '../client/fleet.ts';
import type { Informer } from '../client/informer.ts';
import type { NewEvent, Recorder } from '../client/recorder.ts';
import type { Resources } from '../client/resources.ts';
import type { MessageApi } from '../client/streams.ts';
import type { Driver } from '../drivers/driver.ts';
import type { Journal } from '../messages/journal.ts';
import type { Sender } from '../messages/message.ts';
import type { Instant } from '../plan/times.ts';
import type { Gate } from '../plan/world.ts';
import type { Clock } from '../platform/clock.ts';
import type { Ids } from '../platform/ids.ts';
import type { Log } from '../platform/log.ts';
import type { Meters } from '../platform/meters.ts';
import type { McpAccess, Protocol } from '../protocols/protocol.ts';
import { protocols } from '../protocols/protocol-index.ts';
import type { Marks } from './ledger.ts';

/** What conversations get from outside. */
export interface Ports {
  journal: Journal;
  resources: Pick<Resources, 'get'>;
  cache: Caches;
  recorder: Recorder;
  clock: Clock;
  ids: Ids;
  log: Log;
  meters: Meters;
  version: string;
  /** Called once, by the constructor. */
  tools(talk: ToolsTalk): Tools;
  driver(runtime: string): Driver | undefined;
  policy(agent: Agent): PolicySpec;
  /** The planner should look at the Agent again: now, or at an instant. */
  enqueue(key: string, at?: Instant): void;
  /** Returns the gates of other parts. Absent: there are none. */
  gates?: ((agent: Agent) => readonly Gate[]) | undefined;
}

/** What all parts of conversations share, apart from their state. */
export interface Context
  extends Pick<
    Ports,
    'journal' | 'cache' | 'recorder' | 'clock' | 'ids' | 'log' | 'meters' | 'policy' | 'enqueue'
  > {
  agent(key: string): Agent | undefined;
  instance(uid: string): Instance | undefined;
  rules(agent: Agent): Rules;
  /** Records an Event about an Instance that still exists. */
  record(uid: string, newEvent: NewEvent): void;
}

/** The objects that conversations are about, as the controller sees them. */
interface Caches {
  readonly agents: Informer<'Agent'>;
  readonly instances: Informer<'Instance'>;
}

/** An Instance that asks for the fleet. */
export interface Asking {
  name: string;
  uid: string;
  runtime: string;
}

/** Where an instance finds the controller's tools, or why it cannot use them. */
export type ToolsOffer = McpAccess | { unavailable: string };

/** What the controller does for agents: offers its tools to runs, and carries out what they ask of the fleet. */
export interface Tools {
  /** Returns the fleet as this instance may use it. */
  fleet(from: Agent, instance: Asking): Fleet;
  offer(run: { uid: string; run: number }, agent: Agent, driver: Driver): Promise<ToolsOffer>;
  close(): Promise<void>;
}

export type AgentSender = Extract<Sender, { kind: 'Agent' }>;

export interface Question {
  /** Name, or namespace/name. */
  to: string;
  text: string;
  conversation?: string | undefined;
}

/** What those tools use of the conversations. */
export interface ToolsTalk extends Pick<MessageApi, 'stream'> {
  readonly marks: Marks;
  /** Sends a message of an instance to another Agent. Resolves when it is on disk. Throws ApiError. */
  ask(from: Agent, sender: AgentSender, question: Question): Promise<{ id: string }>;
  /** Throws ApiError NotFound. With `sender`, messages of others count as not found. */
  message(key: ObjectKey, sender?: AgentSender): Message;
  /** A run has connected to the tools. */
  seen(run: { uid: string; run: number }): void;
}

/** A run that was started, as the Runtime shows it. */
export interface StartedRun {
  number: number;
  startId: string;
  ref: string;
}

/** The run that a link belongs to. */
export interface LinkTarget {
  namespace: string;
  agent: string;
  instance: string;
  uid: string;
  ordinal: number;
  run: number;
  startId: string;
  ref: string;
  /** Name of the Runtime. */
  runtime: string;
}

/** The rules for the messages of one Agent. Durations in milliseconds. */
export interface Rules {
  maxAttempts: number;
  timeout: number;
  inactivityTimeout: number;
  queueDepth: number;
  onInterrupted: 'Resume' | 'Retry' | 'Fail';
  perInstance: number;
  /** 0 means never. */
  idleTTL: number;
  onContextFull: 'Keep' | 'New';
}

export function rulesOf(spec: AgentSpec, { messages }: PolicySpec): Rules {
  const { perInstance, idleTTL, onContextFull } = spec.conversations;
  return {
    maxAttempts: messages.maxAttempts,
    timeout: parseDuration(messages.timeout),
    inactivityTimeout: parseDuration(messages.inactivityTimeout),
    queueDepth: messages.queueDepth,
    onInterrupted: messages.onInterrupted ?? protocolCapabilitiesOf(spec)?.onInterrupted ?? 'Retry',
    perInstance,
    idleTTL: parseDuration(idleTTL),
    onContextFull,
  };
}

/** Returns undefined for `none`. */
export const protocolOf = ({ protocol }: Pick<AgentSpec, 'protocol'>): Protocol | undefined =>
  protocol === 'none' ? undefined : protocols[protocol];
