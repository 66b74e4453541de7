import type { Agent, Instance, PolicySpec, Revision, Runtime } from '../api/objects.ts';

/** An instant, in milliseconds since the Unix epoch. */
export type Instant = number;

/** Everything that a decision about one Agent may depend on, read once. */
export interface World {
  now: Instant;
  agent: Agent;
  /** The policy in force, with its defaults; Missing where policyRef names none. */
  policy: PolicySpec | Missing;
  /** The Runtime that the spec resolves to. */
  runtime: RuntimeView | Missing;
  /**
   * By `Kind/name`: an HMAC of each Secret and ConfigMap that the spec names (whole data), null where it is missing.
   * A key that the spec names and the object lacks is `Kind/name#key`: null.
   */
  inputs: Readonly<Record<string, string | null>>;
  /** The Agent's Revisions by number, the oldest first. */
  revisions: readonly Revision[];
  /** The Instances that the Agent owns, by ordinal. */
  instances: readonly InstanceView[];
  /** Uids of the Instances that hold a place for a start; see admit. */
  grants: ReadonlySet<string>;
  /** By uid: where those that wait for a place stand; see admit. Absent: not known yet. */
  places?: ReadonlyMap<string, Place> | undefined;
  /** The id of the newest image that the Runtime has for template.image, where it is known. */
  imageId?: string | undefined;
  /** The version of this controller, for restartOn ControllerUpgrade. */
  controllerVersion: string;
  /** What is asked of an Agent with a protocol. */
  inbox: InboxView;
  /** The reasons for which the driver cannot honour the spec: `field: reason`. Empty: it can. */
  unsupported: readonly string[];
}

/** Where a waiting Instance stands among those that wait for its Runtime. */
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
  /** Offline: nothing is known of its instances. Syncing: not listed yet since the controller came up. */
  health: { state: 'Online' } | { state: 'Offline' | 'Syncing'; message: string; since: Instant };
}

export interface InstanceView {
  object: Instance;
  /** What the Runtime has of it; several only after a fault. Unknown: the Runtime cannot be asked now. */
  observed: readonly Observed[] | 'Unknown';
  /** Its Runtime does not exist; `observed` is Unknown then. */
  runtimeMissing?: boolean;
  /** What the prober last found for the run that is observed. */
  probe: ProbeView;
  activity: Activity;
  /** Absent: the protocol is `none`, or no run of it has been talked to. */
  talk?: TalkView | undefined;
  /** The action that is being carried out for it: until it ends nothing else is planned. */
  inFlight?: string | undefined;
}

export interface ProbeView {
  /** Absent: not checked yet, or no readiness is asked for. */
  ready?: { ok: boolean; since: Instant; message: string } | undefined;
  live?: { ok: boolean; since: Instant; message: string } | undefined;
  /** Why the last check of readiness said nothing about the instance. */
  unknown?: string | undefined;
}

export interface Activity {
  /** Messages are with it, or tool calls are open. */
  busy: boolean;
  /** Since when it has had nothing to do; absent while busy, and 0 where it has no protocol. */
  idleSince?: Instant | undefined;
  /** How many messages wait for this instance and no other, since it has their conversation. */
  waiting: number;
}

/** The messages of an Agent. */
export interface InboxView {
  /** How many wait that any instance may take. */
  waiting: number;
  /** When each scheduled prompt was last sent, or found to be skipped, by its name; `prompt` under the empty name. */
  sent: ReadonlyMap<string, Instant>;
  /** Names of the scheduled prompts of which a message has not ended. */
  open: ReadonlySet<string>;
}

/** How the controller and one run talk. */
export interface TalkView {
  run: number;
  /**
   * - Connecting: the handshake is not done.
   * - Ready: messages can be sent.
   * - AuthRequired: the agent wants to be logged in; it is asked again by itself.
   * - Refused: it cannot be talked to as the spec says.
   * - Draining: the run has ended, and its output is not read to the end. Nothing new may be started yet.
   * - Drained: it is.
   */
  state: 'Connecting' | 'Ready' | 'AuthRequired' | 'Refused' | 'Draining' | 'Drained';
  since: Instant;
  message: string;
  /** Whether the agent takes what the spec asks for; a control that the spec does not use is absent. */
  controls: Readonly<Partial<Record<ControlName, ControlView>>>;
  /** Why it cannot go on as it is: the run is to be restarted. */
  failure?: { reason: string; message: string } | undefined;
}

export type ControlName =
  | 'PermissionsEnforced'
  | 'SystemPromptApplied'
  | 'ModelApplied'
  | 'SessionModeApplied'
  | 'SessionOptionsApplied'
  | 'FleetAccessible'
  /** What the agent has told of its account; absent until it has told something. */
  | AccountName;

export type AccountName = 'WithinQuota' | 'LoggedIn';

export interface ControlView {
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
}

/** One container or process as its Runtime shows it. */
export interface Observed {
  /** The container id, or the folder of the process. Stays over restarts of the same container. */
  ref: string;
  /** Whose it is, from its labels. */
  instanceUid: string;
  namespace: string;
  instance: string;
  agent: string;
  /** The run that the container was made for, from its label; of a process the run itself. */
  run: number;
  revision: string;
  state: 'Created' | 'Running' | 'Paused' | 'Exited';
  /**
   * Identifies the start, exactly as the Runtime tells it (Docker: State.StartedAt; process: boot id, pid and start
   * time). Absent: never started. Compared for equality only.
   */
  startId?: string | undefined;
  startedAt?: Instant | undefined;
  exit?: ObservedExit | undefined;
  /** The id of the image that it was made from. */
  imageId?: string | undefined;
  /** Made with, for restartOn ControllerUpgrade. */
  controllerVersion?: string | undefined;
}

export interface ObservedExit {
  /** 128 + n for signal n. */
  code: number;
  signal?: string | undefined;
  oomKilled?: boolean | undefined;
  finishedAt: Instant;
  /** Runtime: it ended with its engine or host. */
  cause: 'Agent' | 'Runtime';
  message?: string | undefined;
}
