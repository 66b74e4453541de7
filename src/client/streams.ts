import type { Change } from '../api/changes.ts';
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
import type { TurnEvent } from '../protocols/talk.ts';

export type { AgentUsage, UsageSum } from '../messages/message.ts';

/**
 * What agentctl serves beyond Resources, in the group subresources.agentctl.dev/v1: the controller implements it in
 * process, http.ts over HTTP. Every failure is an ApiError, or UnreachableError where there is no server.
 * Instants are milliseconds since the Unix epoch.
 */
export interface Streams {
  /**
   * Output of an Instance, the oldest line first. NotFound for an unknown Instance; BadRequest for the `previous` run where
   * none has ended. With `follow` until the newest run ends, with `runs` until the Instance is gone or the signal aborts.
   */
  log(instance: ObjectKey, options: LogOptions): AsyncIterable<LogEntry>;

  /** What happens next to an Agent by time alone, in order, up to `until`. */
  forecast(agent: ObjectKey, options: { until: number }): Promise<ForecastEntry[]>;

  /**
   * What the controller would do were these objects applied; writes nothing. One entry for each Agent that is touched.
   * `author`: as of WriteOptions, in process alone.
   */
  plan(objects: readonly New<AnyObject>[], options?: { author?: string | undefined }): Promise<AgentPlan[]>;

  status(): Promise<ControllerStatus>;

  /**
   * Journals messages for an Agent; resolves once they are on disk, each with its Message as the API shows it. One whose
   * `key` the same sender has used already is answered as it stands; Conflict where its text was another. NotFound; TooManyRequests where the queue is full; BadRequest where
   * the Agent has no protocol or the conversation is none of its.
   */
  send(agent: ObjectKey, messages: readonly NewMessage[]): Promise<MessageObject[]>;

  /**
   * What happens to a message, from event `after` on (0: all), up to its end, which is the last: `end`. For as long as it
   * takes; where nothing comes for Policy.messages.inactivityTimeout the message fails, and that is its end. With
   * `follow: false` what has happened so far, without waiting: there is no `end` where the message goes on.
   */
  stream(message: ObjectKey, options: StreamOptions): AsyncIterable<StreamEntry>;

  /** Retry: a message that failed or expired waits again. Cancel: breaks it off; it fails with the reason Cancelled. Conflict where its state does not allow it. */
  change(message: ObjectKey, what: 'retry' | 'cancel'): Promise<MessageObject>;

  /** Decides a permission that waits; over TLS `by` is the user of the token. Conflict where it is decided already. */
  decide(approval: ObjectKey, decision: 'approve' | 'deny', how: Decision): Promise<ApprovalObject>;

  /** Ends a conversation; messages of it that wait fail. */
  closeConversation(conversation: ObjectKey): Promise<ConversationObject>;

  /** What an Agent's turns have used, by model, since an instant. NotFound where there never was such an Agent. */
  usage(agent: ObjectKey, options: { since?: number | undefined }): Promise<AgentUsage[]>;

  /** What all Agents have used, of one namespace or of all; by agent and model. */
  usageByAgent(scope: { namespace?: string | undefined; since?: number | undefined }): Promise<AgentUsage[]>;

  /** Asks a Ready instance directly; nothing is journalled. Timeout; ServiceUnavailable where none is Ready or the run ends meanwhile. */
  query(
    agent: ObjectKey,
    question: { action: string; params?: unknown; timeout?: number | undefined },
  ): Promise<unknown>;

  /**
   * Stops every instance and keeps it stopped while this controller lives; answers when all have ended. Timeout, naming
   * them, where some do not. For `controller stop --agents`.
   */
  stopAgents(): Promise<void>;

  /** Named volumes of an Agent, which its deletion keeps. The Agent itself may be gone. */
  volumes(agent: ObjectKey): Promise<Volume[]>;

  /**
   * What the newest revision of a Sync's source would change, were it applied now; writes nothing. With `force` as if
   * what others apply were taken over. NotFound;
   * ServiceUnavailable, with the source's own words, where the source does not answer.
   */
  diffSync(sync: ObjectKey, options?: { force?: boolean | undefined }): Promise<SyncDiff>;

  /** Removes those volumes; answers what was removed. Conflict while the Agent exists and is not being deleted. */
  purge(agent: ObjectKey): Promise<Volume[]>;
}

export interface LogOptions {
  follow?: boolean | undefined;
  /** With `follow`: go on with the next run. What happens between runs is told by entries of the stream `note`. */
  runs?: boolean | undefined;
  /** Only the last so many lines. */
  tail?: number | undefined;
  /** Only lines from this instant on. */
  since?: number | undefined;
  /** Only the run that ended last: the newest one, or the one before it while that runs. */
  previous?: boolean | undefined;
  /** The protocol's lines as they are, in place of what they say. */
  raw?: boolean | undefined;
  signal: AbortSignal;
}

export interface Decision {
  /** Who decides. Over TLS it is the user of the token, whatever is said here. */
  by: string;
  /** One of the Approval's options, by its id or its name; absent: the first that fits. */
  option?: string | undefined;
}

export interface NewMessage {
  text: string;
  /** One of the Agent's; absent: a new one. */
  conversation?: string | undefined;
  /** Idempotency key. */
  key?: string | undefined;
  /** Who sends it, for people. Over TLS it is the user of the token, whatever is said here. */
  from?: string | undefined;
  /** Milliseconds, in place of Policy.messages.timeout. */
  timeout?: number | undefined;
}

export interface StreamOptions {
  after?: number | undefined;
  /** True where it is absent. */
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

export interface LogEntry {
  /** A note is the controller's own. */
  stream: 'stdout' | 'stderr' | 'note';
  /** Absent where the driver keeps no times. */
  at?: number | undefined;
  /** Without its newline. */
  text: string;
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
  /** For people, a line for each thing; empty where nothing is to be done. */
  text: string;
  actions: readonly PlannedAction[];
}

interface PlannedAction {
  id: string;
  type: string;
  cause: string;
  message: string;
}

export interface ControllerStatus {
  pid: number;
  version: string;
  startedAt: number;
  /** Milliseconds. */
  uptime: number;
  store: {
    id: string;
    /** The store that this one was a copy of when this controller started; absent where it was none. */
    copyOf?: string | undefined;
    path: string;
    revision: number;
  };
  /** Where it listens with TLS; absent where it listens on its socket only. */
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
  /** `host:port` for --listen, with the port that was found where 0 was asked for. */
  listen: string;
}

export interface SyncDiff {
  /** The newest revision, and the one that is applied now. */
  revision: string;
  reference?: string | undefined;
  applied?: string | undefined;
  /** Why it would be refused, a line each, with file:line:column where it is about a manifest. Nothing would change then. */
  errors: readonly string[];
  /** Objects that would change, in the order of the writes. */
  changes: readonly ObjectChange[];
  /** It would wait for agentctl approve. */
  needsApproval: boolean;
}

export interface ObjectChange {
  kind: Kind;
  namespace?: string | undefined;
  name: string;
  /** Kept: no longer in the manifests, and left all the same. */
  change: 'Created' | 'Configured' | 'Pruned' | 'Kept';
  /** Of Configured: what differs. Values of Secrets are masked. */
  fields: readonly Change[];
  /** Of Kept: why. */
  why?: string | undefined;
}

export interface Volume {
  runtime: string;
  name: string;
}
