import type { Capabilities } from '../api/capabilities.ts';
import type { Agent, Instance, PolicySpec, Revision, Runtime } from '../api/objects.ts';
import { sentence } from '../api/text.ts';
import { type Instant, shortTime } from './times.ts';

/** Everything that a decision about one Agent may depend on, read at one time. */
export interface World {
  now: Instant;
  agent: Agent;
  /** The Policy in use, with its defaults. Missing if policyRef names none that exists. */
  policy: PolicySpec | Missing;
  /** The Runtime that the spec resolves to. */
  runtime: RuntimeView | Missing;
  /**
   * By `Kind/name`: an HMAC of the whole data of each Secret and ConfigMap that the spec names, or null if it is
   * missing. A key that the spec names and the object lacks is null under `Kind/name#key`.
   */
  inputs: Readonly<Record<string, string | null>>;
  /** The Agent's Revisions by number, oldest first. */
  revisions: readonly Revision[];
  /** The Instances that the Agent owns, by ordinal. */
  instances: readonly InstanceView[];
  /** Uids of the Instances with a grant to start; see admit.ts. */
  grants: ReadonlySet<string>;
  /** By uid: the places in the queue of waiting Instances; see admit.ts. Absent: not known yet. */
  places?: ReadonlyMap<string, Place> | undefined;
  /** The id of the newest image that the Runtime has for template.image, if known. */
  imageId?: string | undefined;
  /** The version of this controller, for restartOn ControllerUpgrade. */
  controllerVersion: string;
  /** The Agent's messages. Empty without a protocol. */
  inbox: InboxView;
  /** What may hold its starts and messages. */
  gates: readonly Gate[];
  /** Why the driver does not support the spec: `field: reason`. Empty if it does. */
  unsupported: readonly string[];
}

export interface Gate {
  /** For people. Unique in a World. */
  name: string;
  state: 'Open' | 'Held';
  /** When a held gate opens by itself. Absent: something else opens it. */
  until?: Instant | undefined;
  /** PascalCase. */
  reason: string;
  message: string;
}

/** The position of a waiting Instance in the queue of its Runtime. */
export interface Place {
  /** 1 is next. */
  position: number;
  since: Instant;
  reason: 'Queued' | 'QueueFull' | 'BreakerOpen';
  message: string;
}

export interface Missing {
  missing: string;
}

export interface RuntimeView {
  object: Runtime;
  capabilities: Capabilities;
  /** Offline: nothing is known about its instances. Syncing: they were not listed yet since the controller started. */
  health: { state: 'Online' } | { state: 'Offline' | 'Syncing'; message: string; since: Instant };
}

export interface InstanceView {
  object: Instance;
  /** What the Runtime has of it. More than one only after a fault. Unknown: the Runtime cannot be asked now. */
  observed: readonly Observed[] | 'Unknown';
  /** Its Runtime does not exist. `observed` is Unknown then. */
  runtimeMissing?: boolean;
  /** The last results of the prober, or of the Runtime's own checks, for the observed run. */
  probe: ProbeView;
  activity: Activity;
  /** Absent: the protocol is `none`, or there was no connection to a run yet. */
  talk?: TalkView | undefined;
  /** The action that is being executed for it. Nothing else is planned until it ends. */
  inFlight?: string | undefined;
}

export interface ProbeView {
  /** Absent: not checked yet, or the spec has no readiness check. */
  ready?: ProbeResult | undefined;
  live?: ProbeResult | undefined;
  /** Why the last readiness check has no result. */
  unknown?: string | undefined;
}

interface ProbeResult {
  ok: boolean;
  since: Instant;
  message: string;
}

export interface Activity {
  /** It has messages, or open tool calls. */
  busy: boolean;
  /** Since when it has been idle. Absent while busy; 0 without a protocol. */
  idleSince?: Instant | undefined;
  /** How many messages wait for this instance only, because it has their conversation. */
  waiting: number;
}

export interface InboxView {
  /** How many messages wait that any instance may take. */
  waiting: number;
  /** When each scheduled prompt was last sent or skipped, by its name. spec.prompt has the empty name. */
  sent: ReadonlyMap<string, Instant>;
  /** Names of the scheduled prompts with a message that has not ended. */
  open: ReadonlySet<string>;
}

/** The connection between the controller and one run. */
export interface TalkView {
  run: number;
  /**
   * - Connecting: the handshake is not complete.
   * - Ready: messages can be sent.
   * - AuthRequired: the agent needs a login. The controller asks again by itself.
   * - Refused: the connection cannot work as the spec says.
   * - Draining: the run has ended, and its output is not read to the end. No new run may start yet.
   * - Drained: the output is read to the end.
   */
  state: 'Connecting' | 'Ready' | 'AuthRequired' | 'Refused' | 'Draining' | 'Drained';
  since: Instant;
  message: string;
  /** Whether the agent applies what the spec asks for. A control that the spec does not use is absent. */
  controls: Readonly<Partial<Record<ControlName, ControlView>>>;
  /** Why the connection cannot continue. The run must be restarted. */
  failure?: { reason: string; message: string } | undefined;
}

export type ControlName =
  | 'PermissionsEnforced'
  | 'SystemPromptApplied'
  | 'ModelApplied'
  | 'SessionModeApplied'
  | 'SessionOptionsApplied'
  | 'FleetAccessible'
  /** What the agent reported about its account. Absent until it reports something. */
  | AccountName;

export type AccountName = 'WithinQuota' | 'LoggedIn';

export interface ControlView {
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
}

/** One container or process, as its Runtime shows it. */
export interface Observed {
  /** The container id, or the folder of the process. A container keeps it when it is restarted. */
  ref: string;
  /** The Instance that owns it, from its labels. */
  instanceUid: string;
  namespace: string;
  instance: string;
  agent: string;
  /** The run that the container was created for, from its label. Of a process, its own run. */
  run: number;
  revision: string;
  state: 'Created' | 'Running' | 'Paused' | 'Exited';
  /**
   * Identifies the start, exactly as the Runtime reports it (Docker: State.StartedAt; process: boot id, pid and start
   * time). Absent: never started. Only compared for equality.
   */
  startId?: string | undefined;
  startedAt?: Instant | undefined;
  exit?: ObservedExit | undefined;
  /** The results of the Runtime's own checks, if it makes them (`nativeProbes`). */
  ready?: ProbeResult | undefined;
  live?: ProbeResult | undefined;
  /** The id of the image that it was created from. */
  imageId?: string | undefined;
  /** The version that created it, for restartOn ControllerUpgrade. */
  controllerVersion?: string | undefined;
}

export interface ObservedExit {
  /** 128 + n for signal n. */
  code: number;
  signal?: string | undefined;
  oomKilled?: boolean | undefined;
  finishedAt: Instant;
  /** Runtime: it ended together with its engine or host. */
  cause: 'Agent' | 'Runtime';
  message?: string | undefined;
}

/** A gate that is held now. */
export type HeldGate = Gate & { state: 'Held' };

const isHeld = (gate: Gate, now: number): gate is HeldGate =>
  gate.state === 'Held' && (gate.until === undefined || gate.until > now);

/**
 * Returns the gate that holds the Agent, of several the one that opens last; undefined if all are open. While one is
 * held, no instance starts or wakes, and none gets a message. What runs keeps running.
 */
export function heldGate({ gates, now }: Pick<World, 'gates' | 'now'>): HeldGate | undefined {
  let last: HeldGate | undefined;
  for (const gate of gates)
    if (isHeld(gate, now) && (last === undefined || end(gate) > end(last))) last = gate;
  return last;
}

const end = ({ until = Number.POSITIVE_INFINITY }: Gate): number => until;

export function gateText({ name, until, message }: Gate): string {
  return `The gate ${name} is held${until === undefined ? '' : ` until ${shortTime(until)}`}: ${sentence(message)}`;
}
