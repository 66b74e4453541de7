import type { Conversation, Envelope } from '../../messages/message.ts';
import type { TurnResult, Usage } from '../../protocols/talk.ts';
import type { Answer, Tail } from './stream.ts';

/** Why a turn is broken off for good: it stands in its message, so that a restart of the controller changes nothing. */
export const cancelReasons = ['Cancelled', 'Timeout', 'Inactive', 'PermissionsNotEnforced'] as const;

/** A message that has not ended, as the controller holds it: its text stays in the journal until it is delivered. */
export interface Open {
  readonly message: Envelope;
  /** Counts its deliveries, begun and given up: tells one that was overtaken. */
  delivery: number;
  /** The order of acceptance. */
  readonly order: number;
  readonly thread: Thread;
  /** Of its last event. */
  seq: number;
  /** Its newest events, to be streamed without asking the journal. */
  readonly tail: Tail;
  /** What its events take, as `sizeOf` counts it. */
  kept: number;
  /** The text of the answer so far. */
  readonly text: Answer;
  /** The first half of a character whose second one has not come yet. */
  half: string;
  /** Whether the agent has done anything but speak. */
  acted: boolean;
  /** The agent has ended the turn: its end waits for what may still come of it. */
  ending:
    | { result: Extract<TurnResult, { state: 'Completed' }>; since: number; cancel: () => void }
    | undefined;
  /** Since when its session takes no turn, though none is known to go on in it. */
  busySince: number | undefined;
  /** Tool calls that are open, and permissions that are waited for. */
  readonly tools: Set<string>;
  /** What was last denied in its turn, as a sentence. */
  denied: string | undefined;
  /** How many tool calls its turn has begun. */
  calls: number;
  /** The agent is slow to give it a session: it holds up no other conversation. */
  stalled: boolean;
  /** How often no session could be had for it. */
  refusals: number;
  /** When the agent last gave a sign of it. */
  heardAt: number;
  /** Why it is being broken off, once it is. */
  cancellation:
    | {
        reason: (typeof cancelReasons)[number] | 'Uncertain';
        message: string;
        /** Since when. */
        at?: number | undefined;
      }
    | undefined;
  /** The newest reports of what its turn, and its session up to now, have used. */
  reports: Partial<Record<Usage['counts'], Usage>>;
}

/** A conversation with messages that have not ended. */
export interface Thread {
  record: Conversation;
  readonly waiting: Open[];
  current: Open | undefined;
  /** Messages of it that are on their way to the disk. */
  arriving: number;
  /** What was said after the end of its last turn may go on: none is begun. */
  settling?: boolean;
}
