import type { Agent, AgentSpec, Instance, PolicySpec } from '../api/objects.ts';
import { protocolCapabilitiesOf } from '../api/protocols.ts';
import { parseDuration } from '../api/time.ts';
import type { Fleet } from '../client/fleet.ts';
import type { Informer } from '../client/informer.ts';
import type { NewEvent, Recorder } from '../client/recorder.ts';
import type { Resources } from '../client/resources.ts';
import type { Driver } from '../drivers/driver.ts';
import type { Journal } from '../messages/journal.ts';
import type { Instant } from '../plan/times.ts';
import type { Gate } from '../plan/world.ts';
import type { Clock } from '../platform/clock.ts';
import type { Ids } from '../platform/ids.ts';
import type { Log } from '../platform/log.ts';
import type { Meters } from '../platform/meters.ts';
import type { McpAccess, Protocol } from '../protocols/protocol.ts';
import { protocols } from '../protocols/protocol-index.ts';

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
  tools: Tools;
  driver(runtime: string): Driver | undefined;
  policy(agent: Agent): PolicySpec;
  /** The planner should look at the Agent again: now, or at an instant. */
  enqueue(key: string, at?: Instant): void;
  /** Returns the gates of other parts. Absent: there are none. */
  gates?: ((agent: Agent) => readonly Gate[]) | undefined;
  /** Returns the fleet as this instance may use it. */
  fleet(from: Agent, instance: Asking): Fleet;
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

/** Offers the controller's tools to runs. */
export interface Tools {
  offer(run: { uid: string; run: number }, agent: Agent, driver: Driver): Promise<ToolsOffer>;
  close(): Promise<void>;
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
