import { AgentctlError } from '../api/errors.ts';
import type { TurnEvent } from '../protocols/turn-events.ts';
import { StoreError, storeError } from '../store/store.ts';
import type {
  AgentUsage,
  Approval,
  Conversation,
  Envelope,
  Link,
  Message,
  MessageState,
  Progress,
  UsageRecord,
} from './message.ts';

/**
 * The durable state of the conversations with agents: messages, their events, conversations, cursors, approvals, usage.
 * A plain store with one writer: it enforces the rules below, and decides nothing. The contract suite is
 * test/contracts/journal.ts.
 *
 * The rules, which the schema of the database enforces:
 * - An id is unique, and so is (namespace, agent, key).
 * - A final state changes only by a Retry.
 * - An event's (message, seq) and a usage record's id are written once. Duplicates are ignored.
 */
export interface Journal {
  /** Returns everything that is not final, for a start. Messages are without their text, oldest first. */
  load(): {
    messages: Envelope[];
    conversations: Conversation[];
    links: Link[];
    approvals: Approval[];
    marks: Map<string, number>;
    /** Final answers that were not delivered to the asking agent yet. */
    unanswered: Envelope[];
  };

  /**
   * Writes all entries or none. Resolves once they are on disk (fsync). Batches that wait together are committed
   * together, in the order of the calls. Rejects with JournalError:
   * - Of this batch alone: Duplicate (an Accept with a used id or key), Final (a change of a final message, or a Retry
   *   of one that has not failed), Missing (no such message).
   * - Of all waiting batches: Full, Locked, Broken. They fail together so that none overtakes a batch that is retried.
   */
  commit(entries: readonly Entry[], spare?: Spare): Promise<void>;

  /** Reads return what is committed, even if it is not on disk yet. */
  message(id: string): Message | undefined;
  byKey(namespace: string, agent: string, key: string): Message | undefined;
  /** Newest first, by acceptance. */
  messages(filter?: MessageFilter): Message[];
  /** Returns the number of messages by conversation, of all conversations that have any or of this one. */
  counts(conversation?: string): ReadonlyMap<string, number>;
  /** Returns at most `limit` events after `seq`, in order. */
  events(message: string, after?: number, limit?: number): StoredEvent[];
  conversation(id: string): Conversation | undefined;
  conversations(filter?: Scope): Conversation[];
  approvals(filter?: Scope & { state?: Approval['state'] | undefined }): Approval[];
  approval(id: string): Approval | undefined;
  usage(filter?: UsageFilter): UsageRecord[];
  /** Returns the sums by agent and model. A missing model comes first. */
  usageByModel(filter: UsageFilter): AgentUsage[];

  /**
   * Removes final messages that ended before `before`, with their events. Then removes the oldest final ones while
   * there are more than `messages` of them, or while their texts, answers and events have more than `bytes`. Also
   * removes decided approvals older than `before`, links older than `before` if their instance has one of a later run,
   * and closed conversations that are older than all that is kept. Open records and the last link of each instance
   * stay. Usage is kept until `usageBefore`. Returns the number of removed messages. `gone` is called synchronously
   * with the last state of each removed record: no read returns it any more, and nothing else has been read or written
   * since.
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
 * Written in place of a batch that breaks a rule, at once and in order. Each part is written as a whole or not at all.
 * `refused` is called for each part that breaks a rule itself, before `commit` resolves.
 */
export interface Spare {
  parts: readonly (readonly Entry[])[];
  refused(part: number, error: unknown): void;
}

/** A record that was removed by pruning. */
export type Gone =
  | { kind: 'Message'; record: Message }
  | { kind: 'Conversation'; record: Conversation }
  | { kind: 'Approval'; record: Approval };

export type Entry =
  | { type: 'Accept'; message: Message }
  | { type: 'Change'; id: string; set: MessageChange }
  /** Sets a failed or expired message to Pending, without attempts. `answered` is kept. */
  | { type: 'Retry'; id: string; expiresAt: number }
  | { type: 'Event'; message: string; seq: number; at: number; event: TurnEvent }
  /** Replaces the whole record. */
  | { type: 'Conversation'; conversation: Conversation }
  | { type: 'Link'; link: Link }
  | { type: 'DropLink'; uid: string; run: number }
  | { type: 'Approval'; approval: Approval }
  | { type: 'Mark'; name: string; at: number }
  /** Deletes all marks whose names start with the prefix. */
  | { type: 'DropMarks'; prefix: string }
  | { type: 'Usage'; record: UsageRecord };

export type MessageChange = Partial<Progress>;

/** One Agent, the Agents of one namespace, or all. */
export interface Scope {
  namespace?: string | undefined;
  agent?: string | undefined;
}

export interface UsageFilter extends Scope {
  since?: number | undefined;
}

export interface MessageFilter extends Scope {
  conversation?: string | undefined;
  states?: readonly MessageState[] | undefined;
  /** Only messages that were accepted before this one. If it was removed, only those that were created before it. */
  before?: { id: string; createdAt: number } | undefined;
  limit?: number | undefined;
}

export interface StoredEvent {
  seq: number;
  at: number;
  event: TurnEvent;
}

type JournalReason = 'Duplicate' | 'Final' | 'Missing' | 'Full' | 'Locked' | 'TooNew' | 'Broken';

export class JournalError extends AgentctlError<JournalReason> {
  constructor(reason: JournalReason, message: string, options: { cause?: unknown } = {}) {
    super(reason, message, { ...options, retry: reason === 'TooNew' ? 'Never' : 'Backoff' });
    this.name = 'JournalError';
  }
}

/**
 * Converts an error of SQLite or the disk to a JournalError if the user can do something about it. Returns other errors
 * unchanged.
 */
export function journalError(error: unknown, path: string): unknown {
  const failure = storeError(error, path);
  if (!(failure instanceof StoreError)) return failure;
  const { code, message, cause } = failure;
  return new JournalError(code === 'Conflict' || code === 'Compacted' ? 'Broken' : code, message, { cause });
}

/** After a failed sync the content of the disk is unknown. Only a restart, which reads it again, can find out. */
export function syncError(error: unknown, path: string): JournalError {
  const message = error instanceof Error ? error.message : String(error);
  return new JournalError(
    'Broken',
    `${path} could not be written to disk (${message}). Fix the disk, then run agentctl controller restart`,
    { cause: error },
  );
}

/** SQLite's extended result codes for constraints (sqlite.org/rescode.html). */
const primaryKey = 1555;
const trigger = 1811;
const unique = 2067;

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'errcode' in error ? error.errcode : undefined;

export const isTaken = (error: unknown): boolean => codeOf(error) === unique || codeOf(error) === primaryKey;
export const isRefused = (error: unknown): boolean => codeOf(error) === trigger;
