import type { Conversation, Envelope } from '../messages/message.ts';
import type { TurnResult, Usage } from '../protocols/turn-events.ts';
import type { Answer, Tail } from './tail.ts';

/** Why a turn is cancelled finally. The message stores it, so that it survives a restart of the controller. */
export const cancelReasons = ['Cancelled', 'Timeout', 'Inactive', 'PermissionsNotEnforced'] as const;

/** A message that has not ended, in memory. Its text stays in the journal until it is delivered. */
export interface Open {
  readonly message: Envelope;
  /** Counts deliveries, both begun and given up, to recognize outdated ones. */
  delivery: number;
  /** The order of acceptance. */
  readonly order: number;
  readonly thread: Thread;
  /** Number of its last event. */
  seq: number;
  /** Its newest events, so that streams need not ask the journal. */
  readonly tail: Tail;
  /** The size of its events, as counted by `sizeOf`. */
  kept: number;
  /** The text of the answer so far. */
  readonly text: Answer;
  /** The first half of a surrogate pair whose second half has not arrived yet. */
  half: string;
  /** Whether the agent has done more than write text. */
  acted: boolean;
  /** The agent has ended the turn. The message ends later, because events of the turn may follow. */
  ending:
    | { result: Extract<TurnResult, { state: 'Completed' }>; since: number; cancel: () => void }
    | undefined;
  /** Since when its session accepts no turn, although no turn is known to run in it. */
  busySince: number | undefined;
  /** Open tool calls and pending permissions. */
  readonly tools: Set<string>;
  /** The last denial in its turn, as a sentence. */
  denied: string | undefined;
  /** How many tool calls its turn has begun. */
  calls: number;
  /** The agent is slow to open its session, so it does not block other conversations. */
  stalled: boolean;
  /** How often no session could be opened for it. */
  refusals: number;
  /** When the agent last showed activity for it. */
  heardAt: number;
  /** Why it is being cancelled, if it is. */
  cancellation:
    | {
        reason: (typeof cancelReasons)[number] | 'Uncertain';
        message: string;
        /** When the cancellation began. */
        at?: number | undefined;
      }
    | undefined;
  /** The newest usage reports of its turn, and of its session so far. */
  reports: Partial<Record<Usage['counts'], Usage>>;
}

/** A conversation in memory. It has messages that have not ended. */
export interface Thread {
  record: Conversation;
  readonly waiting: Open[];
  current: Open | undefined;
  /** Number of its messages that are being written. */
  arriving: number;
  /** Events of its last turn may still arrive, so no message is begun. */
  settling?: boolean;
}
