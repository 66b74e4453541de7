import { askedText } from '../api/approval-text.ts';
import type { VirtualKind } from '../api/kinds.ts';
import type { Agent, Instance } from '../api/objects.ts';
import type { Entry, Journal } from '../messages/journal.ts';
import type { Conversation, Envelope, Sender } from '../messages/message.ts';
import type { Clock } from '../platform/clock.ts';
import type { Ids } from '../platform/ids.ts';
import type { Log } from '../platform/log.ts';
import type { Meters } from '../platform/meters.ts';
import type { TurnEvent } from '../protocols/turn-events.ts';
import type { Link } from './link.ts';
import { Mailbox } from './mailbox.ts';
import { Marks } from './marks.ts';
import { cancelReasons, type Open, type Thread } from './open.ts';
import type { Rules } from './rules.ts';
import { Answer, Hub, sizeOf, Tail } from './tail.ts';
import { Writer } from './writer.ts';

const idleThreads = 1_000;
const mostDeleted = 1_000;
/** Limit on the events of one message, as counted by `sizeOf`. The text of its answer is kept beyond it. */
const mostKept = 64 * 1024 * 1024;
/** Open tool calls of a turn. */
const mostTools = 1_000;
/** Limits on what is kept of events after the end: number of messages, and the size of each as counted by `sizeOf`. */
const mostLate = { messages: 1_000, kept: 1024 * 1024 };
/** Events that are read from the journal at once. */
const few = 64;

export interface DeskDeps {
  journal: Journal;
  clock: Clock;
  ids: Ids;
  log: Log;
  meters: Meters;
  agent(key: string): Agent | undefined;
  instance(uid: string): Instance | undefined;
  rules(agent: Agent): Rules;
  /** The planner should look at the Agent again. */
  enqueue(key: string): void;
}

/** All open messages with their threads, and the links to runs. */
export class TalkState {
  readonly deps: DeskDeps;
  readonly writer: Writer;
  readonly hub = new Hub();
  readonly opens = new Map<string, Open>();
  /** By the Instance's uid. */
  readonly links = new Map<string, Link>();
  /** The starts whose output was read to the end, by the Instance's uid. */
  readonly drained = new Map<string, string>();
  readonly marks: Marks;
  readonly #boxes = new Map<string, Mailbox>();
  readonly #threads = new Map<string, Thread>();
  readonly #listeners: ((kind: VirtualKind, id: string) => void)[] = [];
  /** The messages that ended last. */
  readonly #late = new Map<string, Late>();
  /** Uids of Agents. */
  readonly #deleted = new Set<string>();
  #order = 0;
  /** With more threads than this, idle ones are removed from memory. */
  #most = idleThreads * 2;

  constructor(deps: DeskDeps, loaded: ReturnType<Journal['load']>) {
    this.deps = deps;
    this.writer = new Writer(deps.journal, deps.clock, deps.log);
    this.marks = new Marks(loaded.marks, this.writer);
    for (const record of loaded.conversations) {
      const thread: Thread = { record, waiting: [], current: undefined, arriving: 0 };
      this.#threads.set(record.id, thread);
      if (record.state === 'Open' && record.uid !== undefined) this.box(keyOf(record)).count(record.uid, 1);
      if (record.working !== undefined) this.box(keyOf(record)).hold(thread);
    }
    for (const link of loaded.links) if (link.drained) this.drained.set(link.uid, link.startId);
    // Messages in work first: a retried message may be older and then waits behind them.
    const waits = ({ state }: Envelope): boolean => state === 'Pending';
    for (const message of loaded.messages) if (!waits(message)) this.#restore(message);
    for (const message of loaded.messages) if (waits(message)) this.#restore(message);
  }

  /**
   * Returns whether both senders are instances of the same Agent. A later Agent of the same name is a different one.
   */
  isSameAgent(one: Sender | undefined, other: Sender | undefined): boolean {
    if (one?.kind !== 'Agent' || other?.kind !== 'Agent') return false;
    if (one.uid === other.uid) return true;
    const agentUID = this.deps.instance(one.uid)?.spec.agentUID;
    return agentUID !== undefined && agentUID === this.deps.instance(other.uid)?.spec.agentUID;
  }

  /** Returns the mailbox of an Agent. */
  box(key: string): Mailbox {
    const box = this.#boxes.get(key) ?? new Mailbox();
    this.#boxes.set(key, box);
    return box;
  }

  waiting(key: string): number {
    return this.#boxes.get(key)?.waiting ?? 0;
  }

  boxes(): IterableIterator<[string, Mailbox]> {
    return this.#boxes.entries();
  }

  /** The Agent is gone: messages to it that are still being written are too late. */
  dropBox(key: string, uid: string | undefined): void {
    this.#boxes.delete(key);
    if (uid === undefined) return;
    this.#deleted.add(uid);
    const [oldest] = this.#deleted;
    if (this.#deleted.size > mostDeleted && oldest !== undefined) this.#deleted.delete(oldest);
  }

  isDeleted(uid: string | undefined): boolean {
    return uid !== undefined && this.#deleted.has(uid);
  }

  thread(id: string): Thread | undefined {
    const known = this.#threads.get(id);
    if (known !== undefined) return known;
    const record = this.deps.journal.conversation(id);
    return record === undefined ? undefined : this.hold(record);
  }

  hold(record: Conversation): Thread {
    const thread: Thread = { record, waiting: [], current: undefined, arriving: 0 };
    if (this.#threads.size > this.#most) this.#forgetIdle();
    this.#threads.set(record.id, thread);
    return thread;
  }

  /** Opens an accepted message, before it is added to its mailbox. */
  open(message: Envelope, thread: Thread): Open {
    this.#order += 1;
    const open: Open = {
      message,
      delivery: 0,
      order: this.#order,
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
      heardAt: this.deps.clock.now(),
      cancellation: undefined,
      reports: {},
    };
    this.opens.set(message.id, open);
    return open;
  }

  /**
   * Returns the entries of one more event of a message, and wakes its followers. Returns none if the message has too
   * many events, after one note that says so.
   */
  event(open: Open, given: TurnEvent): Entry[] {
    const at = this.deps.clock.now();
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
    this.hub.changed(open.message.id);
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
    if (id === undefined || this.opens.has(id)) return [];
    const key = keyOf(agent);
    const late = this.#late.get(id) ?? this.#lateOf(id, key);
    const event = late?.key === key ? wholeOf(late, given) : undefined;
    if (late?.key !== key || event === undefined || late.kept > mostLate.kept) return [];
    const note: TurnEvent = { type: 'note', text: 'What follows came after the end of the turn.' };
    const events = late.kept === 0 ? [note, event] : [event];
    late.kept += sizeOf(event);
    this.hub.changed(id);
    const at = this.deps.clock.now();
    return events.map((each) => {
      late.seq += 1;
      return { type: 'Event', message: id, seq: late.seq, at, event: each };
    });
  }

  /** Returns the message that the instance last worked on in a session. */
  #lastOf(uid: string, session: string | undefined): string | undefined {
    if (session === undefined) return undefined;
    const thread = this.#threads
      .values()
      .find(({ record }) => record.uid === uid && record.session === session);
    const { journal } = this.deps;
    const last = (conversation: string): string | undefined =>
      journal.messages({ conversation, states: ['Completed', 'Failed', 'Expired'], limit: 1 })[0]?.id;
    return thread === undefined ? undefined : last(thread.record.id);
  }

  /** Returns the state of a message that ended long ago, or before the controller was restarted. */
  #lateOf(id: string, key: string): Late | undefined {
    const message = this.deps.journal.message(id);
    if (message === undefined || keyOf(message) !== key) return undefined;
    let seq = 0;
    for (let more = true; more; ) {
      const events = this.deps.journal.events(id, seq, few);
      seq = events.at(-1)?.seq ?? seq;
      more = events.length === few;
    }
    const late: Late = { key, seq, half: '', kept: 0 };
    this.#late.set(id, late);
    return late;
  }

  onChange(listener: (kind: VirtualKind, id: string) => void): void {
    this.#listeners.push(listener);
  }

  changed(kind: VirtualKind, id: string): void {
    if (kind === 'Message') this.hub.changed(id);
    for (const listener of this.#listeners)
      try {
        listener(kind, id);
      } catch (error) {
        this.deps.log.error({ err: error, kind, id }, 'a change could not be told');
      }
  }

  /** Applies the events that the journal has of an open message, a few at a time. */
  replay(open: Open): void {
    for (let more = true; more; ) {
      const events = this.deps.journal.events(open.message.id, open.seq, few);
      for (const event of events) {
        open.seq = event.seq;
        open.tail.add(event);
        open.kept += sizeOf(event.event);
        applyEvent(open, event.event);
      }
      more = events.length === few;
    }
  }

  #restore(message: Envelope): void {
    const thread = this.thread(message.conversation);
    if (thread === undefined) return;
    const open = this.open(message, thread);
    const reason = cancelReasons.find((one) => one === message.reason);
    if (reason !== undefined) open.cancellation = { reason, message: message.error ?? reason };
    const box = this.box(keyOf(message));
    box.add(open);
    // A waiting message may have events of earlier attempts. New events continue their numbering.
    this.replay(open);
    if (message.state !== 'Pending' && message.uid !== undefined) box.begin(open, message.uid);
    else open.tools.clear();
  }

  /** Removes idle threads from memory. The journal has them; some stay for their next message. */
  #forgetIdle(): void {
    for (const [id, thread] of this.#threads) {
      const { waiting, current, arriving } = thread;
      if (this.#threads.size <= idleThreads) break;
      if (thread.settling === true || thread.record.working !== undefined) continue;
      if (waiting.length === 0 && current === undefined && arriving === 0) this.#threads.delete(id);
    }
    this.#most = Math.max(idleThreads, this.#threads.size) * 2;
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

/** Returns the Agent's key. */
export const keyOf = ({ namespace, agent }: { namespace: string; agent: string }): string =>
  `${namespace}/${agent}`;
