import type { Change } from '../api/difference.ts';
import type {
  AnyObject,
  Approval as ApprovalObject,
  Conversation as ConversationObject,
  Kind,
  Message as MessageObject,
  New,
  ObjectKey,
} from '../api/objects.ts';
import type { AgentUsage } from '../messages/message.ts';
import type { TurnEvent } from '../protocols/turn-events.ts';

export type { AgentUsage, UsageSum } from '../messages/message.ts';

/**
 * What agentctl serves in addition to Resources, in the group subresources.agentctl.dev/v1: one interface for each
 * concern. The controller implements them in process, http.ts over HTTP. Every failure is an ApiError, or
 * UnreachableError if there is no server. Instants are milliseconds since the Unix epoch.
 */
export interface Apis {
  messages: MessageApi;
  logs: LogApi;
  plans: PlanApi;
  volumes: VolumeApi;
  syncs: SyncApi;
  controller: ControllerApi;
}

/** All of them in one, as clients use them. */
export interface Streams extends MessageApi, LogApi, PlanApi, VolumeApi, SyncApi, ControllerApi {}

/** Messages to Agents, their conversations and approvals, and what their turns have used. */
export interface MessageApi {
  /**
   * Journals messages for an Agent. Resolves once they are on disk, with their Messages as the API shows them. If the
   * same sender has already used a `key`, returns the existing Message; throws Conflict if its text was different.
   * Throws NotFound; TooManyRequests if the queue is full; BadRequest if the Agent has no protocol or the conversation
   * belongs to another Agent.
   */
  send(agent: ObjectKey, messages: readonly NewMessage[]): Promise<MessageObject[]>;

  /**
   * Yields what happens to a message after event `after` (0: all), up to its end, which is the last entry: `end`. There
   * is no time limit; but if nothing happens for Policy.messages.inactivityTimeout the message fails, which is its end.
   * With `follow: false`, yields the events so far without waiting: without `end` if the message has not ended.
   */
  stream(message: ObjectKey, options: StreamOptions): AsyncIterable<StreamEntry>;

  /**
   * Retry: queues a failed or expired message again. Cancel: interrupts it; it fails with the reason Cancelled. Throws
   * Conflict if its state does not allow that.
   */
  change(message: ObjectKey, what: 'retry' | 'cancel'): Promise<MessageObject>;

  /**
   * Decides a pending permission. Over TLS, `by` is the user of the token. Throws Conflict if it is already decided.
   */
  decide(approval: ObjectKey, decision: 'approve' | 'deny', how: Decision): Promise<ApprovalObject>;

  /** Ends a conversation. Its waiting messages fail. */
  closeConversation(conversation: ObjectKey): Promise<ConversationObject>;

  /**
   * Returns what an Agent's turns have used since an instant, by model. Throws NotFound if there never was such an
   * Agent.
   */
  usage(agent: ObjectKey, options: { since?: number | undefined }): Promise<AgentUsage[]>;

  /** Returns what all Agents have used, in one namespace or in all, by agent and model. */
  usageByAgent(scope: { namespace?: string | undefined; since?: number | undefined }): Promise<AgentUsage[]>;

  /**
   * Sends a query directly to a Ready instance, without the journal. Throws Timeout; ServiceUnavailable if none is
   * Ready or the run ends meanwhile.
   */
  query(
    agent: ObjectKey,
    question: { action: string; params?: unknown; timeout?: number | undefined },
  ): Promise<unknown>;
}

export interface Decision {
  /** Who decides. Over TLS it is always the user of the token. */
  by: string;
  /** One of the Approval's options, by id or name. Defaults to the first that fits. */
  option?: string | undefined;
}

export interface NewMessage {
  text: string;
  /** One of the Agent's conversations. Defaults to a new one. */
  conversation?: string | undefined;
  /** Idempotency key. */
  key?: string | undefined;
  /** The sender, for people. Over TLS it is always the user of the token. */
  from?: string | undefined;
  /** Milliseconds. Overrides Policy.messages.timeout. */
  timeout?: number | undefined;
}

export interface StreamOptions {
  after?: number | undefined;
  /** Defaults to true. */
  follow?: boolean | undefined;
  signal: AbortSignal;
}

export type StreamEntry =
  | { seq: number; at: number; event: TurnEvent }
  /** The message's state has changed. */
  | {
      state: NonNullable<NonNullable<MessageObject['status']>['state']>;
      reason?: string | undefined;
      message?: string | undefined;
    }
  | { end: MessageObject };

/** The output of Instances. */
export interface LogApi {
  /**
   * Yields the output of an Instance, oldest line first. Throws NotFound for an unknown Instance, and BadRequest for
   * the `previous` run if no run has ended. With `follow`, continues until the newest run ends; with `runs`, until the
   * Instance is gone or the signal aborts.
   */
  log(instance: ObjectKey, options: LogOptions): AsyncIterable<LogEntry>;
}

export interface LogOptions {
  follow?: boolean | undefined;
  /** With `follow`: continues with the next run. Entries of the stream `note` report what happens between runs. */
  runs?: boolean | undefined;
  /** Only this many last lines. */
  tail?: number | undefined;
  /** Only lines from this instant on. */
  since?: number | undefined;
  /** Only the run that ended last: the newest run, or the one before it while the newest runs. */
  previous?: boolean | undefined;
  /** The protocol's lines unchanged, instead of their meaning. */
  raw?: boolean | undefined;
  signal: AbortSignal;
}

export interface LogEntry {
  /** A note is from the controller itself. */
  stream: 'stdout' | 'stderr' | 'note';
  /** Absent if the driver keeps no times. */
  at?: number | undefined;
  /** Without its newline. */
  text: string;
}

/** What will happen, and what would. */
export interface PlanApi {
  /** Returns what will happen to an Agent by time alone, in order, up to `until`. */
  forecast(agent: ObjectKey, options: { until: number }): Promise<ForecastEntry[]>;

  /**
   * Returns what the controller would do if these objects were applied, with one entry for each affected Agent. Writes
   * nothing. `author`: see WriteOptions; in process only.
   */
  plan(objects: readonly New<AnyObject>[], options?: { author?: string | undefined }): Promise<AgentPlan[]>;
}

export interface ForecastEntry {
  at: number;
  /** One word: the cause of the action, or what begins then. */
  what: string;
  instance?: string | undefined;
  message: string;
}

export interface AgentPlan {
  agent: ObjectKey;
  /** For people, with one line for each step; empty if there is nothing to do. */
  text: string;
  actions: readonly PlannedAction[];
}

interface PlannedAction {
  id: string;
  type: string;
  cause: string;
  message: string;
}

/** The named volumes of Agents. */
export interface VolumeApi {
  /** Returns the volumes of an Agent, which its deletion keeps. The Agent may no longer exist. */
  volumes(agent: ObjectKey): Promise<Volume[]>;

  /**
   * Removes those volumes and returns the removed ones. Throws Conflict while the Agent exists and is not being
   * deleted.
   */
  purge(agent: ObjectKey): Promise<Volume[]>;
}

export interface Volume {
  runtime: string;
  name: string;
}

/** What Syncs would change. */
export interface SyncApi {
  /**
   * Returns what the newest revision of a Sync's source would change if it were applied now; writes nothing. With
   * `force`, as if it took over fields that others apply. Throws NotFound; ServiceUnavailable, with the source's
   * message, if the source does not answer.
   */
  diffSync(sync: ObjectKey, options?: { force?: boolean | undefined }): Promise<SyncDiff>;
}

export interface SyncDiff {
  /** `revision` is the newest revision, `applied` the one that is applied now. */
  revision: string;
  reference?: string | undefined;
  applied?: string | undefined;
  /**
   * Why it would be refused, one line each, with file:line:column if it is about a manifest. Then nothing would change.
   */
  errors: readonly string[];
  /** Objects that would change, in the order of the writes. */
  changes: readonly ObjectChange[];
  /** Whether it would wait for agentctl approve. */
  needsApproval: boolean;
}

export interface ObjectChange {
  kind: Kind;
  namespace?: string | undefined;
  name: string;
  /** Kept: no longer in the manifests, but not deleted. */
  change: 'Created' | 'Configured' | 'Pruned' | 'Kept';
  /** For Configured: the differences. Values of Secrets are masked. */
  fields: readonly Change[];
  /** For Kept: the reason. */
  why?: string | undefined;
}

/** The controller itself. */
export interface ControllerApi {
  status(): Promise<ControllerStatus>;

  /**
   * Stops every instance and keeps it stopped while this controller lives. Resolves when all have ended. Throws
   * Timeout, with their names, if some do not end. For `controller stop --agents`.
   */
  stopAgents(): Promise<void>;
}

export interface ControllerStatus {
  pid: number;
  version: string;
  startedAt: number;
  /** Milliseconds. */
  uptime: number;
  store: {
    id: string;
    /** The store of which this store was a copy when this controller started; absent if it was not a copy. */
    copyOf?: string | undefined;
    path: string;
    revision: number;
  };
  /** Where it listens with TLS; absent if it listens only on its socket. */
  tls?: Listener | undefined;
  runtimes: readonly {
    name: string;
    driver: string;
    ready: boolean;
    message?: string | undefined;
    running: number;
    queued: number;
  }[];
  agents: { total: number; ready: number };
  /** Number of Instances by phase. */
  instances: Readonly<Record<string, number>>;
}

export interface Listener {
  /** `https://host:port`, as it is reached from its own host. */
  address: string;
  /** The `host:port` for --listen, with the actual port if 0 was requested. */
  listen: string;
}
