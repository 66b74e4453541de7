import type { TurnEvent } from '../protocols/talk.ts';
import type {
  AgentUsage,
  Approval,
  Conversation,
  Envelope,
  Link,
  Message,
  MessageState,
  UsageRecord,
} from './message.ts';

/**
 * What must not be lost of the talk with agents: messages, their events, conversations, cursors, approvals, usage.
 * A dumb store with one writer: it holds the rules that must never break, and decides nothing. The contract suite is
 * test/contracts/journal.ts.
 *
 * The rules, held by the schema of the database: an id and a (namespace, agent, key) are there once; a final state does
 * not change but by Retry; an event's (message, seq) and a usage record's id are written once, a second time is passed over.
 */
export interface Journal {
  /** All that is not final, for a start. Messages without their text, the oldest first. */
  load(): {
    messages: Envelope[];
    conversations: Conversation[];
    links: Link[];
    approvals: Approval[];
    marks: Map<string, number>;
    /** Final answers that an asking agent has not been given yet. */
    unanswered: Envelope[];
  };

  /**
   * Writes all entries or none. Resolves once they are on disk (fsync); batches that wait together are committed
   * together, in the order of the calls, each with a verdict of its own: JournalError Duplicate (an Accept whose key is
   * taken), Final (a change of what is final, a Retry of what has not failed), Missing (no such message); Full,
   * Locked, Broken, which all that wait share, so that none overtakes what is to be tried again.
   */
  commit(entries: readonly Entry[], spare?: Spare): Promise<void>;

  /** Reads see what is committed, on disk or about to be. */
  message(id: string): Message | undefined;
  byKey(namespace: string, agent: string, key: string): Message | undefined;
  /** The last accepted first. */
  messages(filter?: MessageFilter): Message[];
  /** How many messages there are of each conversation that has any, or of this one. */
  counts(conversation?: string): ReadonlyMap<string, number>;
  /** Events after `seq`, in order; at most so many of them. */
  events(message: string, after?: number, limit?: number): StoredEvent[];
  conversation(id: string): Conversation | undefined;
  conversations(filter?: { namespace?: string | undefined; agent?: string | undefined }): Conversation[];
  approvals(filter?: {
    namespace?: string | undefined;
    agent?: string | undefined;
    state?: Approval['state'] | undefined;
  }): Approval[];
  approval(id: string): Approval | undefined;
  usage(filter?: { namespace?: string; agent?: string; since?: number }): UsageRecord[];
  /** The sums by agent and model; the model that nobody named comes first. */
  usageByModel(filter: {
    namespace?: string | undefined;
    agent?: string | undefined;
    since?: number | undefined;
  }): AgentUsage[];

  /**
   * Removes what is final and ended before `before`, with its events; then, while the texts, answers and events of what
   * is final take more than `bytes`, or it is more than `messages`, the oldest of it. Decided approvals, and links of runs
   * that have a later one go too where they are older; closed conversations where they are older than all that is kept. What is open stays, and the last link of each
   * instance. Usage is kept until `usageBefore`. Answers how many messages went. `gone` is told what went, as it last was
   * and at once: no read shows it any more, and nothing else has been read or written since.
   */
  prune(options: {
    before: number;
    bytes: number;
    messages?: number | undefined;
    usageBefore: number;
    gone?: ((gone: Gone) => void) | undefined;
  }): Promise<number>;

  close(): Promise<void>;
}

/**
 * What is written in place of a batch that breaks a rule: each part wholly or not at all, in order and at once. `refused`
 * is told of each that breaks a rule itself, before `commit` resolves.
 */
export interface Spare {
  parts: readonly (readonly Entry[])[];
  refused(part: number, error: unknown): void;
}

/** What pruning has removed. */
export type Gone =
  | { kind: 'Message'; record: Message }
  | { kind: 'Conversation'; record: Conversation }
  | { kind: 'Approval'; record: Approval };

export type Entry =
  | { type: 'Accept'; message: Message }
  | { type: 'Change'; id: string; set: MessageChange }
  /** A failed or expired message is Pending again, with no attempts. What has been answered stays so. */
  | { type: 'Retry'; id: string; expiresAt: number }
  | { type: 'Event'; message: string; seq: number; at: number; event: TurnEvent }
  /** Written whole. */
  | { type: 'Conversation'; conversation: Conversation }
  | { type: 'Link'; link: Link }
  | { type: 'DropLink'; uid: string; run: number }
  | { type: 'Approval'; approval: Approval }
  | { type: 'Mark'; name: string; at: number }
  /** All marks whose names begin so. */
  | { type: 'DropMarks'; prefix: string }
  | { type: 'Usage'; record: UsageRecord };

export type MessageChange = Partial<
  Pick<
    Message,
    | 'state'
    | 'reason'
    | 'error'
    | 'attempts'
    | 'instance'
    | 'uid'
    | 'run'
    | 'written'
    | 'produced'
    | 'interrupted'
    | 'answer'
    | 'stopReason'
    | 'answered'
    | 'spent'
    | 'deliveredAt'
    | 'endedAt'
  >
>;

export interface MessageFilter {
  namespace?: string | undefined;
  agent?: string | undefined;
  conversation?: string | undefined;
  states?: readonly MessageState[] | undefined;
  /** Only those that were accepted before this one; where it is gone, those that were made before it was. */
  before?: { id: string; createdAt: number } | undefined;
  limit?: number | undefined;
}

export interface StoredEvent {
  seq: number;
  at: number;
  event: TurnEvent;
}

export class JournalError extends Error {
  readonly reason: 'Duplicate' | 'Final' | 'Missing' | 'Full' | 'Locked' | 'TooNew' | 'Broken';

  constructor(reason: JournalError['reason'], message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'JournalError';
    this.reason = reason;
  }
}
