import { ApiError } from '../api/errors.ts';
import { type Agent, keyText } from '../api/objects.ts';
import type { NewMessage } from '../client/streams.ts';
import type { Conversation, Message } from '../messages/message.ts';
import type { Mark } from './ledger.ts';
import { keyOf, type Thread } from './open-message.ts';
import type { Context } from './ports.ts';
import type { TalkState } from './talk-state.ts';

/** A Message before it is accepted. */
export interface Draft
  extends Omit<NewMessage, 'from'>,
    Pick<Message, 'kind' | 'from'>,
    Partial<Pick<Message, 'hops' | 'parent'>> {
  /** The answer closes the conversation. */
  single?: boolean | undefined;
  /** Written in the same transaction. */
  mark?: Mark | undefined;
}

/** Finds the conversation that a draft belongs to, or begins it. */
export class Threads {
  readonly #context: Context;
  readonly #talk: TalkState;

  constructor(context: Context, talk: TalkState) {
    this.#context = context;
    this.#talk = talk;
  }

  /** Returns the thread of a message to the Agent. Throws ApiError if the sender may not continue it. */
  of(agent: Agent, draft: Draft, now: number): Thread {
    const { namespace = 'default', name } = agent.metadata;
    const id = draft.conversation;
    const found = id === undefined ? undefined : this.#talk.thread(id);
    const known = found !== undefined && this.#mayGoOn(found.record, agent, draft) ? found : undefined;
    if (id !== undefined && known === undefined && draft.kind !== 'Scheduled')
      throw new ApiError(
        'NotFound',
        `conversation ${JSON.stringify(id)} not found. List them with agentctl get conversations, or omit it to begin a new one.`,
      );
    if (known !== undefined) {
      if (draft.kind === 'Scheduled') reopen(known);
      else this.#check(known.record, agent, now);
      return known;
    }
    const record: Conversation = {
      id: id ?? `c-${this.#context.ids.uid().slice(-12)}`,
      namespace,
      agent: name,
      from: draft.from,
      state: 'Open',
      single: draft.single ?? false,
      renew: false,
      createdAt: now,
      activeAt: now,
      spent: {},
    };
    return this.#talk.hold(record);
  }

  /**
   * Returns whether the sender may continue the conversation: an agent only those that it began, others all in the
   * namespace.
   */
  #mayGoOn(record: Conversation, agent: Agent, { kind, from }: Draft): boolean {
    if (kind === 'Scheduled') return true;
    if (from.kind === 'Agent') return this.#talk.isSameAgent(record.from, from);
    return record.namespace === (agent.metadata.namespace ?? 'default');
  }

  #check(record: Conversation, agent: Agent, now: number): void {
    const { id } = record;
    if (keyOf(record) !== keyText(agent.metadata))
      throw new ApiError(
        'BadRequest',
        `Conversation ${id} is with Agent ${keyOf(record)}, not ${keyText(agent.metadata)}.`,
      );
    const { idleTTL } = this.#context.rules(agent);
    const idle = idleTTL > 0 && record.activeAt + idleTTL <= now && !this.#isBusy(id);
    if (record.state === 'Closed' || idle)
      throw new ApiError(
        'Conflict',
        `Conversation ${id} is closed (${record.reason ?? 'Idle'}). Omit it to begin a new one.`,
      );
  }

  #isBusy(id: string): boolean {
    const thread = this.#talk.thread(id);
    return thread !== undefined && (thread.current !== undefined || thread.waiting.length > 0);
  }
}

/** Returns the journal's key. Different senders, and Agents that had the same name, have different keys. */
export const keyFor = (agent: Agent, { from, key }: Draft): string | undefined =>
  key === undefined
    ? undefined
    : `${agent.metadata.uid}/${from.kind}:${from.name.replaceAll('/', '%2F')}/${key}`;

/** All prompts of a schedule share one conversation. If it was closed, it continues with a new session. */
function reopen(thread: Thread): void {
  const { session: _, sessionRun: __, reason: ___, ...record } = thread.record;
  if (record.state === 'Closed')
    thread.record = { ...record, uid: undefined, instance: undefined, state: 'Open' };
}

/** Returns the known message if it has the same text. Throws otherwise, because the new text would be lost silently. */
export function sameText(known: Message, { key, text }: Draft): Message {
  if (known.text === text) return known;
  throw new ApiError(
    'Conflict',
    `The key ${key} was already used for another text, in message ${known.id}. Use another key.`,
  );
}
