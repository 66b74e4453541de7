import { ApiError } from '../api/errors.ts';
import { type Agent, keyText } from '../api/objects.ts';
import { sentence } from '../api/text.ts';
import { type Entry, type Journal, JournalError } from '../messages/journal.ts';
import type { Message } from '../messages/message.ts';
import type { Deliveries } from './deliveries.ts';
import { type Draft, keyFor, sameText, Threads } from './drafts.ts';
import { keyOf, type Open, recordOf } from './open-message.ts';
import { type Context, protocolOf } from './ports.ts';
import type { TalkState } from './talk-state.ts';
import type { TurnEnds } from './turn-ends.ts';

/** Characters of a message. */
const mostText = 4 * 1024 * 1024;
/** Milliseconds after which a new message is checked first. */
const checkSoon = 1_000;

/** An accepted message that is not journaled yet. Write the entries, then call `commit`. */
export interface Reservation {
  message: Message;
  entries: Entry[];
  commit(): void;
  /** Call this instead of `commit` if the entries could not be written. */
  release(): void;
}

/** Accepts messages, or says why not. */
export class Intake {
  readonly #context: Context;
  readonly #talk: TalkState;
  readonly #journal: Journal;
  readonly #threads: Threads;
  readonly #ends: TurnEnds;
  readonly #deliveries: Deliveries;
  /** Keys whose messages are being written. */
  readonly #coming = new Map<string, Promise<boolean>>();
  readonly #arriving = new Map<string, number>();

  constructor(context: Context, talk: TalkState, ends: TurnEnds, deliveries: Deliveries) {
    this.#context = context;
    this.#talk = talk;
    this.#journal = context.journal;
    this.#threads = new Threads(context, talk);
    this.#ends = ends;
    this.#deliveries = deliveries;
  }

  /** Returns the message when it is on disk. A known key returns the message that already has it. */
  async send(agent: Agent, draft: Draft): Promise<Message> {
    const [message] = await this.sendAll(agent, [draft]);
    if (message === undefined) throw new Error('sendAll returned no message'); // it returns one message for each
    return message;
  }

  /** Accepts all messages or none. */
  async sendAll(agent: Agent, drafts: readonly Draft[]): Promise<Message[]> {
    const places = drafts.map((draft) => keyFor(agent, draft));
    for (;;) {
      const coming = places.flatMap((place) => this.#coming.get(place ?? '') ?? []);
      if (coming.length === 0) break;
      await Promise.allSettled(coming);
    }
    // No `await` from here to the journal.
    const reserved: Reservation[] = [];
    const byPlace = new Map<string, Message>();
    const messages: Message[] = [];
    try {
      for (const [index, draft] of drafts.entries()) {
        const place = places[index];
        const known = this.known(agent, draft) ?? byPlace.get(place ?? '');
        if (known !== undefined) {
          messages.push(sameText(known, draft));
          continue;
        }
        const reservation = this.reserve(agent, draft);
        reserved.push(reservation);
        if (place !== undefined) byPlace.set(place, reservation.message);
        messages.push(reservation.message);
      }
    } catch (error) {
      for (const { release } of reserved) release();
      throw error;
    }
    if (reserved.length === 0) return messages;
    const written = this.#write(reserved).finally(() => {
      for (const place of byPlace.keys()) this.#coming.delete(place);
    });
    for (const place of byPlace.keys()) this.#coming.set(place, written);
    const taken = await written;
    return taken ? messages : this.sendAll(agent, drafts);
  }

  /** Returns the message that has the same sender and key. */
  known(agent: Agent, draft: Draft): Message | undefined {
    const { namespace = 'default', name } = agent.metadata;
    const key = keyFor(agent, draft);
    return key === undefined ? undefined : this.#journal.byKey(namespace, name, key);
  }

  /** Reserves a place for a message. Throws ApiError if the message is not acceptable. */
  reserve(agent: Agent, draft: Draft): Reservation {
    const { namespace = 'default', name } = agent.metadata;
    const { ids, clock, rules } = this.#context;
    const key = keyText(agent.metadata);
    if (protocolOf(agent.spec) === undefined)
      throw new ApiError(
        'BadRequest',
        `Agent ${key} has no protocol, so it cannot receive messages. Set spec.protocol to acp or jsonl.`,
      );
    if (agent.metadata.deletionTimestamp !== undefined)
      throw new ApiError('Conflict', `Agent ${key} is being deleted.`);
    if (draft.text.length > mostText)
      throw new ApiError(
        'BadRequest',
        `A message can have at most ${mostText / 1024 / 1024} MiB. Send the path of a file instead.`,
      );
    const { queueDepth, timeout } = rules(agent);
    const waiting = this.#talk.box(key).waiting + (this.#arriving.get(key) ?? 0);
    if (waiting >= queueDepth)
      throw new ApiError(
        'TooManyRequests',
        `${waiting === 1 ? '1 message waits' : `${waiting} messages wait`} for Agent ${key} already, the limit of messages.queueDepth in its policy. Send it later, or cancel some: agentctl messages get --agent ${name} --state pending.`,
      );
    const now = clock.now();
    const thread = this.#threads.of(agent, draft, now);
    const message: Message = {
      id: `m-${ids.uid().slice(-12)}`,
      namespace,
      agent: name,
      kind: draft.kind,
      from: draft.from,
      conversation: thread.record.id,
      text: draft.text,
      key: keyFor(agent, draft),
      state: 'Pending',
      attempts: 0,
      written: false,
      produced: false,
      hops: draft.hops ?? 0,
      parent: draft.parent,
      createdAt: now,
      expiresAt: now + (draft.timeout ?? timeout),
    };
    thread.record = { ...thread.record, activeAt: now };
    const entries: Entry[] = [{ type: 'Accept', message }, recordOf(thread)];
    if (draft.mark !== undefined) entries.push({ type: 'Mark', ...draft.mark });
    this.#arriving.set(key, (this.#arriving.get(key) ?? 0) + 1);
    thread.arriving += 1;
    const release = (): void => {
      const left = (this.#arriving.get(key) ?? 1) - 1;
      if (left === 0) this.#arriving.delete(key);
      else this.#arriving.set(key, left);
      thread.arriving -= 1;
    };
    const commit = (): void => {
      release();
      this.#context.meters.messagesAccepted.inc({ kind: message.kind });
      const { text: _, ...rest } = message;
      this.#place(this.#talk.open(rest, thread), agent.metadata.uid);
      this.#talk.changed('Conversation', thread.record.id);
    };
    return { message, entries, commit, release };
  }

  /** Puts a message into its mailbox. The instance or the Agent may be gone since it was accepted. */
  #place(open: Open, agentUID: string | undefined) {
    const { message, thread } = open;
    const key = keyOf(message);
    // A new Agent may not be in the cache yet.
    const uidNow = this.#context.agent(key)?.metadata.uid;
    if (
      this.#talk.isDeleted(agentUID) ||
      (uidNow !== undefined && agentUID !== undefined && uidNow !== agentUID)
    ) {
      const error = `Agent ${key} was deleted.`;
      return this.#ends.finish(open, { state: 'Failed', reason: 'AgentDeleted', error });
    }
    const box = this.#talk.box(key);
    const { uid } = thread.record;
    if (uid !== undefined && this.#context.instance(uid) === undefined) box.leave(thread);
    box.add(open);
    this.#talk.changed('Message', message.id);
    this.#deliveries.dispatch(key);
    this.#talk.signals.emit('check', this.#context.clock.now() + checkSoon);
    if (box.waiting > 0) this.#context.enqueue(key); // the planner may have to wake an instance
  }

  /** Makes a failed or expired message wait again. */
  async retry(message: Message, timeout: number): Promise<void> {
    const thread = this.#talk.thread(message.conversation);
    if (thread === undefined || thread.record.state === 'Closed')
      throw new ApiError(
        'Conflict',
        `Conversation ${message.conversation} of message ${message.id} is closed. Send the text as a new message: agentctl send ${message.agent}.`,
      );
    const expiresAt = this.#context.clock.now() + timeout;
    await this.#commit([{ type: 'Retry', id: message.id, expiresAt }]);
    const again = this.#journal.message(message.id);
    if (again === undefined) return;
    const { text: _, ...rest } = again;
    const open = this.#talk.open(rest, thread);
    this.#talk.events.replay(open);
    this.#place(open, undefined);
  }

  /** Returns whether the entries were written. If not, one of their keys was used by another request just now. */
  async #write(reserved: readonly Reservation[]): Promise<boolean> {
    try {
      await this.#commit(reserved.flatMap(({ entries }) => entries));
    } catch (error) {
      for (const { release } of reserved) release();
      const isKnown = reserved.some(
        ({ message: { namespace, agent, key } }) =>
          key !== undefined && this.#journal.byKey(namespace, agent, key) !== undefined,
      );
      if (error instanceof JournalError && error.code === 'Duplicate' && isKnown) return false;
      throw error;
    }
    for (const { commit } of reserved) commit();
    return true;
  }

  async #commit(entries: readonly Entry[]): Promise<void> {
    try {
      await this.#journal.commit(entries);
    } catch (error) {
      if (!(error instanceof JournalError) || error.code === 'Duplicate') throw error;
      if (error.code === 'Final')
        throw new ApiError('Conflict', 'It has already been sent again.', { cause: error });
      const why =
        error.code === 'Full'
          ? 'the disk with the state folder is full. Free some space, and send it again.'
          : sentence(error.message);
      throw new ApiError('ServiceUnavailable', `The message was not accepted: ${why}`, { cause: error });
    }
  }
}
