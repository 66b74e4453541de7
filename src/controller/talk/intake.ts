import { ApiError } from '../../api/errors.ts';
import { type Agent, keyText } from '../../api/objects.ts';
import { type Entry, type Journal, JournalError } from '../../messages/journal.ts';
import type { Conversation, Message, Sender } from '../../messages/message.ts';
import { type Desk, keyOf } from './desk.ts';
import type { Thread } from './open.ts';
import { protocolOf } from './rules.ts';

/** A message that somebody wants to send. */
export interface Letter {
  kind: Message['kind'];
  from: Sender;
  text: string;
  conversation?: string | undefined;
  key?: string | undefined;
  timeout?: number | undefined;
  hops?: number | undefined;
  parent?: string | undefined;
  /** The conversation is over with the answer. */
  single?: boolean | undefined;
  /** Written with it. */
  mark?: { name: string; at: number } | undefined;
}

/** An accepted message that is not journalled yet: write the entries, then call `admit`. */
export interface Acceptance {
  message: Message;
  entries: Entry[];
  admit(): void;
}

/** Takes messages in, or says why not. */
export class Intake {
  readonly #desk: Desk;
  readonly #journal: Journal;
  readonly #admitted: (key: string) => void;
  /** Keys whose messages are on their way to the disk. */
  readonly #coming = new Map<string, Promise<Message>>();
  readonly #arriving = new Map<string, number>();

  constructor(desk: Desk, admitted: (key: string) => void) {
    this.#desk = desk;
    this.#journal = desk.parts.journal;
    this.#admitted = admitted;
  }

  /** Resolves once it is on disk. A key that is known gives the message that has it. */
  async send(agent: Agent, letter: Letter): Promise<Message> {
    const { namespace = 'default', name } = agent.metadata;
    if (letter.key === undefined) return this.#write(this.accept(agent, letter));
    const known = this.#journal.byKey(namespace, name, letter.key);
    if (known !== undefined) return known;
    const place = `${namespace}/${name}/${letter.key}`;
    const coming = this.#coming.get(place);
    if (coming !== undefined) return coming;
    const written = this.#write(this.accept(agent, letter)).finally(() => this.#coming.delete(place));
    this.#coming.set(place, written);
    return written;
  }

  /** Throws ApiError. */
  accept(agent: Agent, letter: Letter): Acceptance {
    const { namespace = 'default', name } = agent.metadata;
    const { parts } = this.#desk;
    const key = keyText(agent.metadata);
    if (protocolOf(agent.spec) === undefined)
      throw new ApiError(
        'BadRequest',
        `Agent ${key} takes no messages: its spec.protocol is none. Set spec.protocol to acp or jsonl.`,
      );
    if (agent.metadata.deletionTimestamp !== undefined)
      throw new ApiError('Conflict', `Agent ${key} is being deleted.`);
    const { queueDepth, timeout } = parts.rules(agent);
    const waiting = this.#desk.box(key).waiting + (this.#arriving.get(key) ?? 0);
    if (waiting >= queueDepth)
      throw new ApiError(
        'TooManyRequests',
        `${waiting} messages wait for Agent ${key} already, as many as its policy's messages.queueDepth allows. Send it later, or cancel some: agentctl messages get --agent ${name} --state pending.`,
      );
    const now = parts.clock.now();
    const thread = this.#thread(agent, letter, now);
    const message: Message = {
      id: `m-${parts.ids.uid().slice(-12)}`,
      namespace,
      agent: name,
      kind: letter.kind,
      from: letter.from,
      conversation: thread.record.id,
      text: letter.text,
      key: letter.key,
      state: 'Pending',
      attempts: 0,
      written: false,
      produced: false,
      hops: letter.hops ?? 0,
      parent: letter.parent,
      createdAt: now,
      expiresAt: now + (letter.timeout ?? timeout),
    };
    thread.record = { ...thread.record, activeAt: now };
    const entries: Entry[] = [
      { type: 'Accept', message },
      { type: 'Conversation', conversation: thread.record },
    ];
    if (letter.mark !== undefined) entries.push({ type: 'Mark', ...letter.mark });
    this.#arriving.set(key, (this.#arriving.get(key) ?? 0) + 1);
    const admit = (): void => {
      this.#arrived(key);
      const { text: _, ...rest } = message;
      const open = this.#desk.open(rest, thread);
      this.#desk.box(key).add(open);
      this.#desk.changed('Message', message.id);
      this.#desk.changed('Conversation', thread.record.id);
      this.#admitted(key);
    };
    return { message, entries, admit };
  }

  /** One that failed or expired waits again. */
  async retry(message: Message, timeout: number): Promise<void> {
    const thread = this.#desk.thread(message.conversation);
    if (thread === undefined || thread.record.state === 'Closed')
      throw new ApiError(
        'Conflict',
        `Conversation ${message.conversation} of message ${message.id} is closed. Send its text anew: agentctl send ${message.agent}.`,
      );
    const expiresAt = this.#desk.parts.clock.now() + timeout;
    await this.#commit([{ type: 'Retry', id: message.id, expiresAt }]);
    const again = this.#journal.message(message.id);
    if (again === undefined) return;
    const { text: _, ...rest } = again;
    const open = this.#desk.open(rest, thread);
    open.seq = this.#journal.events(message.id).at(-1)?.seq ?? 0;
    this.#desk.box(keyOf(message)).add(open);
    this.#desk.changed('Message', message.id);
    this.#admitted(keyOf(message));
  }

  async #write({ message, entries, admit }: Acceptance): Promise<Message> {
    try {
      await this.#commit(entries);
    } catch (error) {
      this.#arrived(keyOf(message));
      const known =
        message.key === undefined
          ? undefined
          : this.#journal.byKey(message.namespace, message.agent, message.key);
      if (error instanceof JournalError && error.reason === 'Duplicate' && known !== undefined) return known;
      throw error;
    }
    admit();
    return message;
  }

  #arrived(key: string): void {
    const left = (this.#arriving.get(key) ?? 1) - 1;
    if (left === 0) this.#arriving.delete(key);
    else this.#arriving.set(key, left);
  }

  async #commit(entries: readonly Entry[]): Promise<void> {
    try {
      await this.#journal.commit(entries);
    } catch (error) {
      if (!(error instanceof JournalError) || error.reason === 'Duplicate') throw error;
      const advice = error.reason === 'Full' ? ' Make room on the disk, and send it again.' : '';
      throw new ApiError('ServiceUnavailable', `The journal cannot be written: ${error.message}.${advice}`, {
        cause: error,
      });
    }
  }

  #thread(agent: Agent, letter: Letter, now: number): Thread {
    const { namespace = 'default', name } = agent.metadata;
    const { parts } = this.#desk;
    const id = letter.conversation;
    const known = id === undefined ? undefined : this.#desk.thread(id);
    if (id !== undefined && known === undefined && letter.kind !== 'Scheduled')
      throw new ApiError(
        'NotFound',
        `conversation ${JSON.stringify(id)} not found. List them with agentctl get conversations, or leave it out to begin a new one.`,
      );
    if (known !== undefined) {
      this.#check(known.record, agent, now);
      const { uid } = known.record;
      // What it stayed with is gone.
      if (uid !== undefined && parts.instance(uid) === undefined)
        this.#desk.box(keyText(agent.metadata)).leave(known);
      return known;
    }
    const record: Conversation = {
      id: id ?? `c-${parts.ids.uid().slice(-12)}`,
      namespace,
      agent: name,
      state: 'Open',
      single: letter.single ?? false,
      renew: false,
      createdAt: now,
      activeAt: now,
      spent: {},
    };
    return this.#desk.hold(record);
  }

  #check(record: Conversation, agent: Agent, now: number): void {
    const { id } = record;
    if (keyOf(record) !== keyText(agent.metadata))
      throw new ApiError(
        'BadRequest',
        `Conversation ${id} is one with Agent ${keyOf(record)}, not ${keyText(agent.metadata)}.`,
      );
    const { idleTTL } = this.#desk.parts.rules(agent);
    const idle = idleTTL > 0 && record.activeAt + idleTTL <= now && !this.#isBusy(id);
    if (record.state === 'Closed' || idle)
      throw new ApiError(
        'Conflict',
        `Conversation ${id} is closed (${record.reason ?? 'Idle'}). Leave it out to begin a new one.`,
      );
  }

  #isBusy(id: string): boolean {
    const thread = this.#desk.thread(id);
    return thread !== undefined && (thread.current !== undefined || thread.waiting.length > 0);
  }
}
