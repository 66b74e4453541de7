import type { PermissionOption, Usage } from '../protocols/turn-events.ts';

/** Times are milliseconds since the Unix epoch. */

/**
 * - Pending: waits for an instance.
 * - Delivered: on its way to an instance, or received by it (see `written`).
 * - Acknowledged: the agent confirmed it.
 * The others are final.
 */
export type MessageState = 'Pending' | 'Delivered' | 'Acknowledged' | 'Completed' | 'Failed' | 'Expired';

export type Sender =
  | { kind: 'User'; name: string }
  | { kind: 'Schedule'; name: string }
  | { kind: 'Controller'; name: string }
  /** `requestId` is the asking agent's id of its question. Absent if the agent waits in another way. */
  | {
      kind: 'Agent';
      namespace: string;
      name: string;
      instance: string;
      /** The instance's uid. */
      uid: string;
      /** The run that asked. */
      run?: number | undefined;
      requestId?: string | undefined;
    };

/** What changes of a message. */
export interface Progress {
  state: MessageState;
  /** The reason, in one word, if it is Failed or Expired. */
  reason?: string | undefined;
  error?: string | undefined;
  attempts: number;
  /** The last delivery: the Instance's name, its uid, and the run. */
  instance?: string | undefined;
  uid?: string | undefined;
  run?: number | undefined;
  /**
   * Whether it is known to be in the instance's pipe. If a message is Delivered but not written, a crash may have come
   * between.
   */
  written: boolean;
  /** Whether the last attempt has produced output or begun a tool call. */
  produced: boolean;
  /** Why the previous attempt was interrupted. The agent is informed. */
  interrupted?: string | undefined;
  /** The text of the answer, once the message is final. */
  answer?: string | undefined;
  stopReason?: string | undefined;
  /** The reported usage of its turns. */
  spent?: Spent | undefined;
  /** Whether the asking agent has received the answer. Absent: nobody waits for one. */
  answered?: boolean | undefined;
  deliveredAt?: number | undefined;
  endedAt?: number | undefined;
}

/** One delivery to an Agent. */
export interface Message extends Progress {
  id: string;
  namespace: string;
  agent: string;
  kind: 'Chat' | 'Route' | 'Scheduled' | 'Prompt';
  from: Sender;
  conversation: string;
  text: string;
  /** The sender's idempotency key, unique for each agent. */
  key?: string | undefined;
  /** The number of agents that it has passed. */
  hops: number;
  /** The message in whose turn it was sent. */
  parent?: string | undefined;
  createdAt: number;
  expiresAt: number;
}

/** A message without its text, which can be large. */
export type Envelope = Omit<Message, 'text'>;

export interface Conversation {
  id: string;
  namespace: string;
  agent: string;
  /** Who began it. Absent in records of earlier versions. */
  from?: Sender | undefined;
  /** The instance that it stays with. Absent until its first message is delivered. */
  instance?: string | undefined;
  /** The instance's uid. */
  uid?: string | undefined;
  /** The protocol's session, and the run in which it is open. */
  session?: string | undefined;
  sessionRun?: number | undefined;
  /**
   * A digest of the system prompt that the session is known to have. Empty if no turn has ended well yet. Absent in
   * records of earlier versions: the session has the system prompt of that time.
   */
  told?: string | undefined;
  state: 'Open' | 'Closed';
  /** Why it was closed. */
  reason?: string | undefined;
  /** Whether it ends with its only message, for example one that another agent sent. */
  single: boolean;
  /** Whether the next message begins a new session, because the context was full. */
  renew: boolean;
  /**
   * A turn that was given up, but on which the session may still work. No turn begins until it ends, or until the run
   * ends.
   */
  working?: { message: string; attempt: number; run: number; since: number } | undefined;
  createdAt: number;
  /** When its last message arrived or ended. */
  activeAt: number;
  /** The sums of the reported usage. Absent fields were never reported. */
  spent: Spent;
  /** The last sum that the session reported, to compute what a turn has added. */
  reported?: Reported | undefined;
}

/** Also has what decides whether the next report continues this sum. */
export interface Reported extends Usage {
  /** The session was loaded again since, so its sum may start from zero. */
  loaded?: boolean | undefined;
  /** The cost may start from zero too, because it was not reported when the session was loaded. */
  costLoaded?: boolean | undefined;
  /** The cost of one token, from the last turn of which both cost and tokens are known, in the currency of `cost`. */
  price?: number | undefined;
  /** The agent was found to report single turns instead of a sum. */
  countsTurns?: boolean | undefined;
  /** The approximate number of tokens of one request in the last turn. */
  request?: number | undefined;
}

type Tokens = Pick<Usage, 'inputTokens' | 'outputTokens' | 'totalTokens'>;

export interface Spent extends Tokens {
  /** By currency. */
  cost?: Readonly<Record<string, number>> | undefined;
  /** How many turns did not report each of these, so that the sum is too small. Absent: none. */
  unreported?: Unreported | undefined;
}

export type Unreported = Record<keyof Tokens | 'cost', number>;

/** How far the output of one run was read. */
export interface Link {
  uid: string;
  run: number;
  /** Everything before this place has been processed. */
  cursor?: string | undefined;
  /** The handshake's Facts, as JSON. */
  facts?: unknown;
  /** Identifies the start of the run, as in Observed. */
  startId: string;
  /** The run has ended, and all of its output was processed. */
  drained: boolean;
  /** The number of connections to it so far. */
  epoch: number;
  /**
   * The current message is written to the pipe in several parts. If this stops in between, the last line is incomplete.
   */
  cut?: boolean | undefined;
  activeAt: number;
}

export interface Approval {
  id: string;
  namespace: string;
  agent: string;
  instance: string;
  uid: string;
  run: number;
  /** The protocol's id of the request. */
  permission: string;
  message?: string | undefined;
  conversation?: string | undefined;
  /** The agent's id of the tool call. */
  toolCall?: string | undefined;
  /** In the agent's words. */
  title: string;
  /** What would be executed, changed or fetched, from the input. Absent if that says no more than the title. */
  request?: string | undefined;
  toolKind: string;
  /** The kind is not stated by the agent, but guessed. Absent in records of older versions: it may be guessed. */
  guessed?: boolean | undefined;
  input?: unknown;
  /** The answers that the agent accepts. */
  options?: readonly PermissionOption[] | undefined;
  state: 'Pending' | 'Approved' | 'Denied' | 'Expired' | 'Cancelled';
  /** Who decided. */
  by?: string | undefined;
  /** The reason, if no person decided. */
  why?: string | undefined;
  /** The option that was chosen. */
  option?: string | undefined;
  /** The agent has received the answer, so it is not sent again. */
  told?: boolean | undefined;
  createdAt: number;
  decidedAt?: number | undefined;
  expiresAt: number;
}

/** The usage of one turn, by conversation, agent and model. Without numbers if the agent reported none. */
export interface UsageRecord extends Tokens, Pick<Usage, 'model' | 'cost'> {
  /** Unique: made of the message and the attempt, or of another identity. Written only once. */
  id: string;
  namespace: string;
  agent: string;
  conversation?: string | undefined;
  message?: string | undefined;
  at: number;
}

/** The total usage of the turns of one model. Sums only what was reported. Absent if nothing was. */
export interface UsageSum extends Spent {
  /** Absent: turns whose model is not known. */
  model?: string | undefined;
  turns: number;
  unreported: Unreported;
}

export interface AgentUsage extends UsageSum {
  namespace: string;
  agent: string;
}

export const isFinal = (state: MessageState): boolean =>
  state === 'Completed' || state === 'Failed' || state === 'Expired';
