import { EventEmitter } from 'node:events';
import type { VirtualKind } from '../api/kinds.ts';
import type { Entry, Journal } from '../messages/journal.ts';
import type { Conversation, Envelope, Link as LinkRecord, Sender } from '../messages/message.ts';
import type { Instant } from '../plan/times.ts';
import { type Account, accountOf } from './agent-account.ts';
import { EventLog } from './event-log.ts';
import { Writer } from './ledger.ts';
import type { Link } from './link.ts';
import { Mailbox } from './mailbox.ts';
import { Hub } from './message-stream.ts';
import { cancelReasons, keyOf, type Open, openOf, type Thread } from './open-message.ts';
import type { Context } from './ports.ts';

const idleThreads = 1_000;
const mostDeleted = 1_000;

/** What the parts of conversations share. */
interface Signals {
  /** There is a message to deliver to the Agent with this key, or an instance became free. */
  due: [key: string];
  /** The timeouts of messages must be checked at this time. */
  check: [at: Instant];
  /** A message has ended, and this is on disk. */
  ended: [message: Envelope];
  /** The turn was cancelled, or ended and will start again: nobody waits for answers to its requests. */
  turnOver: [message: string, reason: string];
  /** A run of the Agent has ended, and its output was read to the end. */
  drained: [key: string];
}

/** All open messages with their threads, and the links to runs. */
export class TalkState {
  readonly signals = new EventEmitter<Signals>();
  readonly writer: Writer;
  readonly hub = new Hub();
  readonly opens = new Map<string, Open>();
  /** By the Instance's uid. */
  readonly links = new Map<string, Link>();
  /** How far an earlier controller has read the newest run, by the Instance's uid, until there is a link. */
  readonly records = new Map<string, LinkRecord>();
  /** The starts whose output was read to the end, by the Instance's uid. */
  readonly drained = new Map<string, string>();
  readonly events: EventLog;
  readonly #context: Context;
  readonly #boxes = new Map<string, Mailbox>();
  readonly #threads = new Map<string, Thread>();
  readonly #listeners: ((kind: VirtualKind, id: string) => void)[] = [];
  /** Uids of Agents. */
  readonly #deleted = new Set<string>();
  #order = 0;
  /** With more threads than this, idle ones are removed from memory. */
  #most = idleThreads * 2;

  constructor(context: Context) {
    this.#context = context;
    this.writer = new Writer(context.journal, context.clock, context.log);
    this.events = new EventLog({
      journal: context.journal,
      clock: context.clock,
      hub: this.hub,
      opens: this.opens,
      conversationOf: (uid, session) =>
        this.#threads.values().find(({ record }) => record.uid === uid && record.session === session)?.record
          .id,
    });
  }

  restore(loaded: Pick<ReturnType<Journal['load']>, 'conversations' | 'links' | 'messages'>): void {
    for (const record of loaded.conversations) {
      const thread: Thread = { record, waiting: [], current: undefined, arriving: 0 };
      this.#threads.set(record.id, thread);
      if (record.state === 'Open' && record.uid !== undefined) this.box(keyOf(record)).count(record.uid, 1);
      if (record.working !== undefined) this.box(keyOf(record)).hold(thread);
    }
    for (const link of loaded.links) {
      if (link.drained) this.drained.set(link.uid, link.startId);
      if ((this.records.get(link.uid)?.run ?? 0) < link.run) this.records.set(link.uid, link);
    }
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
    const agentUID = this.#context.instance(one.uid)?.spec.agentUID;
    return agentUID !== undefined && agentUID === this.#context.instance(other.uid)?.spec.agentUID;
  }

  /** Returns what an Instance has reported about its account. */
  accountOf(uid: string): Account {
    return this.links.get(uid)?.facts.account ?? accountOf(this.records.get(uid)?.facts);
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
    const record = this.#context.journal.conversation(id);
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
    const open = openOf(message, thread, { order: this.#order, now: this.#context.clock.now() });
    this.opens.set(message.id, open);
    return open;
  }

  /** Returns the message whose turn the run works on. Undefined if the turn is over or belongs to another run. */
  current({ target }: Link, id: string | undefined): Open | undefined {
    const open = this.opens.get(id ?? '');
    if (open === undefined || open.thread.current !== open || open.message.state === 'Pending')
      return undefined;
    const { uid, run } = open.message;
    return uid === target.uid && run === target.run ? open : undefined;
  }

  /** Writes entries with the line that a link reads, or without a link at once. Calls `after` when they are on disk. */
  record(entries: readonly Entry[], link: Link | undefined, after: () => void = () => {}) {
    if (link !== undefined) return link.push(entries, after);
    this.writer.write(entries).then(after, (error: unknown) => {
      this.#context.log.error({ err: error }, 'the journal refused a change');
    });
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
        this.#context.log.error({ err: error, kind, id }, 'a change could not be published');
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
    this.events.replay(open);
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
