import { askedText } from '../api/text.ts';
import type { Entry, Journal } from '../messages/journal.ts';
import type { Clock } from '../platform/clock.ts';
import type { TurnEvent } from '../protocols/turn-events.ts';
import type { Hub } from './message-stream.ts';
import { keyOf, type Open, sizeOf } from './open-message.ts';

/** Limit on the events of one message, as counted by `sizeOf`. The text of its answer is kept beyond it. */
const mostKept = 64 * 1024 * 1024;
/** Open tool calls of a turn. */
const mostTools = 1_000;
/** Limits on what is kept of events after the end: number of messages, and the size of each as counted by `sizeOf`. */
const mostLate = { messages: 1_000, kept: 1024 * 1024 };
/** Events that are read from the journal at once. */
const few = 64;

export interface EventLogDeps {
  journal: Pick<Journal, 'events' | 'message' | 'messages'>;
  clock: Clock;
  hub: Hub;
  opens: ReadonlyMap<string, Open>;
  /** Returns the id of the conversation that has this session of the instance. */
  conversationOf(uid: string, session: string): string | undefined;
}

/** Numbers the events of messages, applies them to open messages, and bounds what is kept of them. */
export class EventLog {
  readonly #deps: EventLogDeps;
  /** The messages that ended last. */
  readonly #late = new Map<string, Late>();

  constructor(deps: EventLogDeps) {
    this.#deps = deps;
  }

  /**
   * Returns the entries of one more event of a message, and wakes its followers. Returns none if the message has too
   * many events, after one note that says so.
   */
  add(open: Open, given: TurnEvent): Entry[] {
    const at = this.#deps.clock.now();
    open.heardAt = at;
    const event = wholeOf(open, given);
    if (event === undefined) return [];
    const needed = event.type === 'note' || (event.type === 'text' && !open.text.full);
    applyEvent(open, event);
    const before = open.kept;
    if (!needed && before > mostKept) return [];
    open.kept += sizeOf(event);
    const kept: TurnEvent[] = [event];
    if (before <= mostKept && open.kept > mostKept)
      kept.push({
        type: 'note',
        text: `Its events take more than ${mostKept / 1024 / 1024} MiB. From here on, only the text of the answer is kept.`,
      });
    this.#deps.hub.changed(open.message.id);
    return kept.map((each) => {
      open.seq += 1;
      open.tail.add({ seq: open.seq, at, event: each });
      return { type: 'Event', message: open.message.id, seq: open.seq, at, event: each };
    });
  }

  /** A message has ended. Later events continue its numbering. */
  ended({ message, seq, half }: Open): void {
    const { id } = message;
    this.#late.delete(id);
    this.#late.set(id, { key: keyOf(message), seq, half, kept: 0 });
    const [oldest] = this.#late.keys();
    if (this.#late.size > mostLate.messages && oldest !== undefined) this.#late.delete(oldest);
  }

  /** Returns the entries of an event after the end of its turn. It is stored behind the events of its message. */
  late(
    { uid, ...agent }: { uid: string; namespace: string; agent: string },
    { message: named, session }: { message?: string | undefined; session?: string | undefined },
    given: TurnEvent,
  ): Entry[] {
    const id = named ?? this.#lastOf(uid, session);
    if (id === undefined || this.#deps.opens.has(id)) return [];
    const key = keyOf(agent);
    const late = this.#late.get(id) ?? this.#lateOf(id, key);
    const event = late?.key === key ? wholeOf(late, given) : undefined;
    if (late?.key !== key || event === undefined || late.kept > mostLate.kept) return [];
    const note: TurnEvent = { type: 'note', text: 'What follows came after the end of the turn.' };
    const events = late.kept === 0 ? [note, event] : [event];
    late.kept += sizeOf(event);
    this.#deps.hub.changed(id);
    const at = this.#deps.clock.now();
    return events.map((each) => {
      late.seq += 1;
      return { type: 'Event', message: id, seq: late.seq, at, event: each };
    });
  }

  /** Returns the message that the instance last worked on in a session. */
  #lastOf(uid: string, session: string | undefined): string | undefined {
    if (session === undefined) return undefined;
    const conversation = this.#deps.conversationOf(uid, session);
    if (conversation === undefined) return undefined;
    const states = ['Completed', 'Failed', 'Expired'] as const;
    return this.#deps.journal.messages({ conversation, states, limit: 1 })[0]?.id;
  }

  /** Returns the state of a message that ended long ago, or before the controller was restarted. */
  #lateOf(id: string, key: string): Late | undefined {
    const message = this.#deps.journal.message(id);
    if (message === undefined || keyOf(message) !== key) return undefined;
    let seq = 0;
    for (let more = true; more; ) {
      const events = this.#deps.journal.events(id, seq, few);
      seq = events.at(-1)?.seq ?? seq;
      more = events.length === few;
    }
    const late: Late = { key, seq, half: '', kept: 0 };
    this.#late.set(id, late);
    return late;
  }

  /** Applies the events that the journal has of an open message, a few at a time. */
  replay(open: Open): void {
    for (let more = true; more; ) {
      const events = this.#deps.journal.events(open.message.id, open.seq, few);
      for (const event of events) {
        open.seq = event.seq;
        open.tail.add(event);
        open.kept += sizeOf(event.event);
        applyEvent(open, event.event);
      }
      more = events.length === few;
    }
  }
}

/** The state of events after the end of a message. */
interface Late {
  /** Key of the Agent. */
  key: string;
  seq: number;
  half: string;
  kept: number;
}

const isFirstHalf = (code: number): boolean => code >= 0xd800 && code <= 0xdbff;

/**
 * Returns the event with complete characters only: a model may cut its text within a surrogate pair. The first half
 * waits for the second. A half without the other becomes U+FFFD. Returns undefined if nothing is complete yet.
 */
function wholeOf(of: { half: string }, event: TurnEvent): TurnEvent | undefined {
  if (event.type !== 'text' && event.type !== 'thought') return event;
  const text = of.half + event.text;
  of.half = isFirstHalf(text.charCodeAt(text.length - 1)) ? text.slice(-1) : '';
  const whole = text.slice(0, text.length - of.half.length);
  if (whole === '' && text !== '') return undefined;
  return whole === event.text && whole.isWellFormed() ? event : { ...event, text: whole.toWellFormed() };
}

function applyEvent(open: Open, event: TurnEvent): void {
  if (event.type === 'tool' || event.type === 'background' || event.type === 'other') open.acted = true;
  if (event.type === 'text') open.text.add(event.text);
  else if (event.type === 'note' && event.attempt !== undefined) {
    open.text.clear();
    open.half = '';
    open.acted = false;
    open.tools.clear();
    open.denied = undefined;
    open.calls = 0;
  } else if (event.type === 'tool' && event.status !== undefined) {
    if (!open.tools.has(event.id)) open.calls += 1;
    if (event.status === 'completed' || event.status === 'failed') open.tools.delete(event.id);
    else if (open.tools.size < mostTools) open.tools.add(event.id);
  } else if (event.type === 'approval') {
    if (event.state === 'Pending') open.tools.add(event.id);
    else open.tools.delete(event.id);
    open.denied = deniedText(event) ?? open.denied;
  }
}

function deniedText(event: Extract<TurnEvent, { type: 'approval' }>): string | undefined {
  if (event.state !== 'Denied' && event.state !== 'Expired') return undefined;
  const how = event.state === 'Denied' ? 'was denied' : 'was not given in time';
  return `Permission ${how}, and the agent broke its turn off: ${askedText(event)}`;
}
