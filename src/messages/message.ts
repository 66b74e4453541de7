import type { PermissionOption, Usage } from '../protocols/talk.ts';

/** Instants are milliseconds since the Unix epoch. */

/**
 * Pending: waits for an instance. Delivered: on its way to one, or with it (see `written`). Acknowledged: the agent says
 * that it has it. The others are final.
 */
export type MessageState = 'Pending' | 'Delivered' | 'Acknowledged' | 'Completed' | 'Failed' | 'Expired';

export type Sender =
  | { kind: 'User'; name: string }
  | { kind: 'Schedule'; name: string }
  | { kind: 'Controller'; name: string }
  /** `requestId` is how the asking agent knows its question; absent where it waits by other means. */
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

/** One delivery to an Agent. */
export interface Message {
  id: string;
  namespace: string;
  agent: string;
  kind: 'Chat' | 'Route' | 'Scheduled' | 'Prompt';
  from: Sender;
  conversation: string;
  text: string;
  /** The sender's idempotency key, unique for the agent. */
  key?: string | undefined;
  state: MessageState;
  /** Why, in one word, where it is Failed or Expired. */
  reason?: string | undefined;
  error?: string | undefined;
  /** How often it was delivered. */
  attempts: number;
  /** To whom it was last delivered: the Instance's name, its uid, and the run. */
  instance?: string | undefined;
  uid?: string | undefined;
  run?: number | undefined;
  /** Whether it surely is in the instance's pipe. Delivered and not written: a crash may have come between. */
  written: boolean;
  /** Whether the last attempt has given output or begun a tool call. */
  produced: boolean;
  /** Why the attempt before was cut short; the agent is told. */
  interrupted?: string | undefined;
  /** The text of the answer, once it is final. */
  answer?: string | undefined;
  stopReason?: string | undefined;
  /** What its turns were reported to have used. */
  spent?: Spent | undefined;
  /** An answer that the asking agent has been given. Absent: nobody has to be told. */
  answered?: boolean | undefined;
  /** How many agents it has passed. */
  hops: number;
  /** The message in whose turn it was sent. */
  parent?: string | undefined;
  createdAt: number;
  deliveredAt?: number | undefined;
  endedAt?: number | undefined;
  expiresAt: number;
}

/** A message without its text, which can be large. */
export type Envelope = Omit<Message, 'text'>;

export interface Conversation {
  id: string;
  namespace: string;
  agent: string;
  /** Who began it; absent in what earlier versions have written. */
  from?: Sender | undefined;
  /** The instance that it stays with; absent until its first message is delivered. */
  instance?: string | undefined;
  /** The instance's uid. */
  uid?: string | undefined;
  /** The protocol's session, and the run in which it is open. */
  session?: string | undefined;
  sessionRun?: number | undefined;
  /**
   * A digest of the system prompt that the session surely has, empty where no turn has ended well yet. Absent in what
   * earlier versions have written: it has that of then.
   */
  told?: string | undefined;
  state: 'Open' | 'Closed';
  /** Why it was closed. */
  reason?: string | undefined;
  /** It is over with its only message, as one that another agent sent. */
  single: boolean;
  /** The next message begins a new session: the context was full. */
  renew: boolean;
  /** A turn that was given up, and that its session may work on still: until it ends, or the run does, none is begun. */
  working?: { message: string; attempt: number; run: number; since: number } | undefined;
  createdAt: number;
  /** When its last message came or ended. */
  activeAt: number;
  /** Sums of what was reported; what never was is absent. */
  spent: Spent;
  /** What the session had last reported in sum, to tell what a turn has added. */
  reported?: Reported | undefined;
}

/** With what tells whether a later report goes on from it. */
export interface Reported extends Usage {
  /** The session was loaded again since, and may count anew. */
  loaded?: boolean | undefined;
  /** So may its cost, which was not reported when it was loaded. */
  costLoaded?: boolean | undefined;
  /** The cost of a token in the last turn of which both are known, in the currency of `cost`. */
  price?: number | undefined;
  /** The agent has shown that it counts turns, and no sum. */
  countsTurns?: boolean | undefined;
  /** About how many tokens a request of the last turn has taken. */
  request?: number | undefined;
}

export interface Spent {
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
  totalTokens?: number | undefined;
  /** By currency. */
  cost?: Readonly<Record<string, number>> | undefined;
  /** How many turns have not reported each of these: by so many its sum is short. Absent: none. */
  unreported?: Unreported | undefined;
}

export interface Unreported {
  inputTokens: number;
  outputTokens: number;
  totalTokens: number;
  cost: number;
}

/** What one run of an instance has been read of. */
export interface Link {
  uid: string;
  run: number;
  /** All before it has been taken in. */
  cursor?: string | undefined;
  /** The handshake's Facts, as JSON. */
  facts?: unknown;
  /** The start that is meant, as Observed has it. */
  startId: string;
  /** The run has ended, and all of its output was taken in. */
  drained: boolean;
  /** How many connections there have been to it. */
  epoch: number;
  /** What is being written to it goes into its pipe in pieces: where that ends there, the last line is cut short. */
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
  /** The tool call that it is about, as the agent names it. */
  toolCall?: string | undefined;
  /** In the agent's words. */
  title: string;
  /** What would run, change or be fetched, as the input has it; absent where that says no more. */
  request?: string | undefined;
  toolKind: string;
  /** The kind is not said, but seems so. Absent in what an older version wrote: it may be. */
  guessed?: boolean | undefined;
  input?: unknown;
  /** What the agent takes as an answer. */
  options?: readonly PermissionOption[] | undefined;
  state: 'Pending' | 'Approved' | 'Denied' | 'Expired' | 'Cancelled';
  /** Who decided. */
  by?: string | undefined;
  /** Why, where no person did. */
  why?: string | undefined;
  /** The option that was answered. */
  option?: string | undefined;
  /** The agent has been given the answer: it is not given again. */
  told?: boolean | undefined;
  createdAt: number;
  decidedAt?: number | undefined;
  expiresAt: number;
}

/** What one turn has used, by conversation, agent and model; without numbers where the agent reported none. */
export interface UsageRecord {
  /** The message and the attempt, or what else makes it one: written once. */
  id: string;
  namespace: string;
  agent: string;
  conversation?: string | undefined;
  message?: string | undefined;
  model?: string | undefined;
  at: number;
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
  totalTokens?: number | undefined;
  cost?: { amount: number; currency: string } | undefined;
}

/** What the turns of one model have used in sum: of those that reported it, and absent where none did. */
export interface UsageSum extends Spent {
  /** Absent: of turns whose model nobody named. */
  model?: string | undefined;
  turns: number;
  unreported: Unreported;
}

/** That of one agent. */
export interface AgentUsage extends UsageSum {
  namespace: string;
  agent: string;
}

export const isFinal = (state: MessageState): boolean =>
  state === 'Completed' || state === 'Failed' || state === 'Expired';
