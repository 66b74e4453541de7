import { askedText } from '../../api/asked.ts';
import type { Agent, Instance } from '../../api/objects.ts';
import type { Entry, Journal } from '../../messages/journal.ts';
import type { Conversation, Envelope, Sender } from '../../messages/message.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Log } from '../../platform/log.ts';
import type { TurnEvent } from '../../protocols/talk.ts';
import { Answer } from './answer.ts';
import { Hub } from './hub.ts';
import type { Link } from './link.ts';
import { Mailbox } from './mailbox.ts';
import { breakings, type Open, type Thread } from './open.ts';
import type { Rules } from './rules.ts';
import { sizeOf, Tail } from './tail.ts';
import { Writer } from './writer.ts';

const idleThreads = 1_000;
const mostDeleted = 1_000;
/** What the events of one message take at most, as `sizeOf` counts it; the text of its answer is kept beyond that. */
const mostKept = 64 * 1024 * 1024;
/** Tool calls of a turn that are open at once. */
const mostTools = 1_000;
/** Events that are read from the journal at once. */
const few = 64;

export interface DeskParts {
  journal: Journal;
  clock: Clock;
  ids: Ids;
  log: Log;
  agent(key: string): Agent | undefined;
  instance(uid: string): Instance | undefined;
  rules(agent: Agent): Rules;
  /** The planner should look at the Agent again. */
  enqueue(key: string): void;
}

/** All messages that have not ended, with their threads, and the links to the runs that are up. */
export class Desk {
  readonly parts: DeskParts;
  readonly writer: Writer;
  readonly hub = new Hub();
  readonly opens = new Map<string, Open>();
  /** By the Instance's uid. */
  readonly links = new Map<string, Link>();
  /** The starts whose output was read to its end, by the Instance's uid. */
  readonly drained = new Map<string, string>();
  readonly marks: Map<string, number>;
  readonly #boxes = new Map<string, Mailbox>();
  readonly #threads = new Map<string, Thread>();
  readonly #listeners: ((kind: 'Message' | 'Conversation' | 'Approval', id: string) => void)[] = [];
  /** Uids of Agents. */
  readonly #deleted = new Set<string>();
  #order = 0;
  /** With more threads than this the idle ones are forgotten. */
  #most = idleThreads * 2;

  constructor(parts: DeskParts, loaded: ReturnType<Journal['load']>) {
    this.parts = parts;
    this.writer = new Writer(parts.journal, parts.clock, parts.log);
    this.marks = loaded.marks;
    for (const record of loaded.conversations) {
      this.#threads.set(record.id, { record, waiting: [], current: undefined, arriving: 0 });
      if (record.state === 'Open' && record.uid !== undefined) this.box(keyOf(record)).count(record.uid, 1);
    }
    for (const link of loaded.links) if (link.drained) this.drained.set(link.uid, link.startId);
    // What an instance works on goes first: one that was retried may be older, and waits behind it.
    const waits = ({ state }: Envelope): boolean => state === 'Pending';
    for (const message of loaded.messages) if (!waits(message)) this.#restore(message);
    for (const message of loaded.messages) if (waits(message)) this.#restore(message);
  }

  /** Whether both are instances of one Agent; one that was made later under its name is another. */
  isSameAgent(one: Sender | undefined, other: Sender | undefined): boolean {
    if (one?.kind !== 'Agent' || other?.kind !== 'Agent') return false;
    if (one.uid === other.uid) return true;
    const agentUID = this.parts.instance(one.uid)?.spec.agentUID;
    return agentUID !== undefined && agentUID === this.parts.instance(other.uid)?.spec.agentUID;
  }

  /** What an Agent's messages are held in. */
  box(key: string): Mailbox {
    const box = this.#boxes.get(key) ?? new Mailbox();
    this.#boxes.set(key, box);
    return box;
  }

  boxes(): IterableIterator<[string, Mailbox]> {
    return this.#boxes.entries();
  }

  /** The Agent is gone: what is still on its way to it comes too late. */
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
    const record = this.parts.journal.conversation(id);
    return record === undefined ? undefined : this.hold(record);
  }

  hold(record: Conversation): Thread {
    const thread: Thread = { record, waiting: [], current: undefined, arriving: 0 };
    if (this.#threads.size > this.#most) this.#forgetIdle();
    this.#threads.set(record.id, thread);
    return thread;
  }

  /** A message that was accepted, before it is put into its box. */
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
      tools: new Set(),
      denied: undefined,
      heardAt: this.parts.clock.now(),
      breaking: undefined,
      reports: {},
    };
    this.opens.set(message.id, open);
    return open;
  }

  /**
   * The entries of one more event of a message; those who follow it are told at once. None where it has more events
   * than are kept: that is told once.
   */
  event(open: Open, event: TurnEvent): Entry[] {
    const at = this.parts.clock.now();
    open.heardAt = at;
    const needed = event.type === 'note' || (event.type === 'text' && !open.text.full);
    takeIn(open, event);
    const before = open.kept;
    if (!needed && before > mostKept) return [];
    open.kept += sizeOf(event);
    const kept: TurnEvent[] = [event];
    if (before <= mostKept && open.kept > mostKept)
      kept.push({
        type: 'note',
        text: `Its events take more than ${mostKept / 1024 / 1024} MiB: from here on only the text of the answer is kept.`,
      });
    this.hub.changed(open.message.id);
    return kept.map((each) => {
      open.seq += 1;
      open.tail.add({ seq: open.seq, at, event: each });
      return { type: 'Event', message: open.message.id, seq: open.seq, at, event: each };
    });
  }

  onChange(listener: (kind: 'Message' | 'Conversation' | 'Approval', id: string) => void): void {
    this.#listeners.push(listener);
  }

  changed(kind: 'Message' | 'Conversation' | 'Approval', id: string): void {
    if (kind === 'Message') this.hub.changed(id);
    for (const listener of this.#listeners)
      try {
        listener(kind, id);
      } catch (error) {
        this.parts.log.error({ err: error, kind, id }, 'a change could not be told');
      }
  }

  /** Takes in the events that an open message has in the journal, some at a time. */
  replay(open: Open): void {
    for (let more = true; more; ) {
      const events = this.parts.journal.events(open.message.id, open.seq, few);
      for (const event of events) {
        open.seq = event.seq;
        open.tail.add(event);
        open.kept += sizeOf(event.event);
        takeIn(open, event.event);
      }
      more = events.length === few;
    }
  }

  #restore(message: Envelope): void {
    const thread = this.thread(message.conversation);
    if (thread === undefined) return;
    const open = this.open(message, thread);
    const reason = breakings.find((one) => one === message.reason);
    if (reason !== undefined) open.breaking = { reason, message: message.error ?? reason };
    const box = this.box(keyOf(message));
    box.add(open);
    // One that waits may have events as well, of earlier attempts: new ones are numbered on from them.
    this.replay(open);
    if (message.state !== 'Pending' && message.uid !== undefined) box.begin(open, message.uid);
    else open.tools.clear();
  }

  /** Conversations without messages are in the journal; some are held for the next one. */
  #forgetIdle(): void {
    for (const [id, { waiting, current, arriving }] of this.#threads) {
      if (this.#threads.size <= idleThreads) break;
      if (waiting.length === 0 && current === undefined && arriving === 0) this.#threads.delete(id);
    }
    this.#most = Math.max(idleThreads, this.#threads.size) * 2;
  }
}

function takeIn(open: Open, event: TurnEvent): void {
  if (event.type === 'text') open.text.add(event.text);
  else if (event.type === 'note' && event.attempt !== undefined) {
    open.text.clear();
    open.tools.clear();
    open.denied = undefined;
  } else if (event.type === 'tool' && event.status !== undefined) {
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

/** The Agent's key. */
export const keyOf = ({ namespace, agent }: { namespace: string; agent: string }): string =>
  `${namespace}/${agent}`;
