import { beginning } from '../api/text.ts';
import type { Entry, MessageChange, StoredEvent } from '../messages/journal.ts';
import type { Conversation, Envelope } from '../messages/message.ts';
import type { Instant } from '../plan/times.ts';
import type { TurnEvent, TurnResult, Usage } from '../protocols/turn-events.ts';

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

/** Returns an accepted message in memory, before its first delivery. `order` is the order of acceptance. */
export const openOf = (
  message: Envelope,
  thread: Thread,
  { order, now }: { order: number; now: Instant },
): Open => ({
  message,
  delivery: 0,
  order,
  thread,
  seq: 0,
  tail: new Tail(),
  kept: 0,
  text: new Answer(),
  half: '',
  acted: false,
  ending: undefined,
  busySince: undefined,
  tools: new Set(),
  denied: undefined,
  calls: 0,
  stalled: false,
  refusals: 0,
  heardAt: now,
  cancellation: undefined,
  reports: {},
});

/** Changes a message in memory. Returns the entry that records it. */
export function change({ message }: Open, set: MessageChange): Entry {
  Object.assign(message, set);
  return { type: 'Change', id: message.id, set };
}

/** Returns the entry that records the conversation of a thread. */
export const recordOf = ({ record }: Thread): Entry => ({ type: 'Conversation', conversation: record });

/** Whether it is being cancelled finally: it is not sent again, however its turn ends. */
export const isCancelled = ({ cancellation }: Open): boolean =>
  cancellation !== undefined && cancellation.reason !== 'Uncertain';

/** Returns the Agent's key. */
export const keyOf = ({ namespace, agent }: { namespace: string; agent: string }): string =>
  `${namespace}/${agent}`;

const mostEvents = 512;

/** Characters. */
const mostText = 2 * 1024 * 1024;

/** The newest events of a message, for streams that need not ask the journal. Its size is bounded. */
export class Tail {
  /** Grows at its end. A cut replaces the array, so that readers of the old one can continue. */
  events: StoredEvent[] = [];
  #text = 0;

  add(event: StoredEvent): void {
    this.events.push(event);
    this.#text += sizeOf(event.event);
    while (this.events.length > mostEvents || (this.#text > mostText && this.events.length > 1)) {
      this.events = this.events.slice(Math.ceil(this.events.length / 2));
      this.#text = this.events.reduce((sum, { event: each }) => sum + sizeOf(each), 0);
    }
  }
}

/** Returns the approximate size of a stored event in characters, including its row in the journal. */
export function sizeOf(event: TurnEvent): number {
  return overhead + textOf(event);
}

const overhead = 100;

function textOf(event: TurnEvent): number {
  switch (event.type) {
    case 'text':
    case 'thought':
    case 'note':
      return event.text.length;
    case 'tool':
      return event.id.length + (event.title?.length ?? 0) + (event.output?.length ?? 0);
    case 'background':
    case 'other':
      return JSON.stringify(event.event)?.length ?? 0;
    case 'plan':
      return event.entries.reduce((sum, { content, status }) => sum + content.length + status.length, 0);
    case 'approval':
      return event.title.length;
  }
}

/** Characters. */
const longest = 4 * 1024 * 1024;

/** Returns a complete answer, cut to the limit. */
export function bounded(answer: string | undefined): string | undefined {
  if (answer === undefined || answer.length <= longest) return answer;
  return `${beginning(answer, longest)}\n[agentctl: cut here; the answer has ${answer.length} characters]`;
}

/**
 * The text of an answer while it arrives. Only the beginning of a long answer is kept here; the events of the message
 * have all of it.
 */
export class Answer {
  #parts: string[] = [];
  #length = 0;

  /** Whether the limit is reached, so that the next text may be dropped. */
  get full(): boolean {
    return this.#length >= longest;
  }

  add(text: string): void {
    const room = longest - this.#length;
    if (room > 0) this.#parts.push(beginning(text, room));
    this.#length += text.length;
  }

  clear(): void {
    this.#parts = [];
    this.#length = 0;
  }

  toString(): string {
    const cut = this.#length - longest;
    const note = cut > 0 ? `\n[agentctl: cut here; ${cut} more characters are in the message's events]` : '';
    return this.#parts.join('') + note;
  }
}
