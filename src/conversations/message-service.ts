import { ApiError, type StatusReason } from '../api/errors.ts';
import {
  type Agent,
  type Approval as ApprovalObject,
  type Conversation as ConversationObject,
  keyText,
  type Message as MessageObject,
  type ObjectKey,
} from '../api/objects.ts';
import { protocolsThat } from '../api/protocols.ts';
import type {
  AgentUsage,
  Decision,
  MessageApi,
  NewMessage,
  StreamEntry,
  StreamOptions,
} from '../client/streams.ts';
import type { Message, Sender } from '../messages/message.ts';
import { ProtocolError } from '../protocols/protocol.ts';
import type { JournalObjects } from './journal-objects.ts';
import type { Intake } from './message-intake.ts';
import { follow } from './message-stream.ts';
import { keyOf, recordOf } from './open-message.ts';
import type { Approvals } from './pending-approvals.ts';
import type { Context, Ports } from './ports.ts';
import type { TalkState } from './talk-state.ts';
import type { TurnEnds } from './turn-ends.ts';

/** What a failed query is to its caller. */
const reasons = {
  Timeout: 'Timeout',
  Closed: 'ServiceUnavailable',
  AuthRequired: 'ServiceUnavailable',
  Unsupported: 'BadRequest',
  LoadRefused: 'BadRequest',
  LoadFailed: 'BadRequest',
  Failed: 'BadRequest',
} as const satisfies Record<ProtocolError['code'], StatusReason>;

interface MessageServiceDeps extends Pick<Ports, 'resources'> {
  objects: JournalObjects;
  intake: Intake;
  ends: TurnEnds;
  approvals: Approvals;
}

/** What the API serves about messages and conversations. */
export class MessageService implements MessageApi {
  readonly #context: Context;
  readonly #talk: TalkState;
  readonly #deps: MessageServiceDeps;

  constructor(context: Context, talk: TalkState, deps: MessageServiceDeps) {
    this.#context = context;
    this.#talk = talk;
    this.#deps = deps;
  }

  async send(key: ObjectKey, messages: readonly NewMessage[]): Promise<MessageObject[]> {
    const sent = await this.#deps.intake.sendAll(
      await this.#agent(key),
      messages.map(({ from = 'user', ...message }) => ({
        ...message,
        kind: 'Chat',
        from: { kind: 'User', name: from },
      })),
    );
    return sent.map((message) => this.#deps.objects.message(message));
  }

  stream(key: ObjectKey, options: StreamOptions): AsyncIterable<StreamEntry> {
    return follow(
      {
        journal: this.#context.journal,
        objects: this.#deps.objects,
        hub: this.#talk.hub,
        opens: this.#talk.opens,
      },
      this.message(key),
      options,
    );
  }

  async change(key: ObjectKey, what: 'retry' | 'cancel'): Promise<MessageObject> {
    const message = this.message(key);
    if (what === 'retry') await this.#retry(message);
    else await this.#cancel(message);
    return this.#deps.objects.message(this.message(key));
  }

  async decide(key: ObjectKey, decision: 'approve' | 'deny', how: Decision): Promise<ApprovalObject> {
    const state = decision === 'approve' ? 'Approved' : 'Denied';
    await this.#deps.approvals.decide(key.name, key.namespace ?? 'default', state, how);
    return this.#object('Approval', key) as ApprovalObject; // the key's kind is Approval
  }

  async closeConversation(key: ObjectKey): Promise<ConversationObject> {
    const { namespace, name } = key;
    const thread = this.#talk.thread(name);
    if (thread?.record.namespace !== namespace || thread === undefined)
      throw new ApiError('NotFound', `conversations "${name}" not found`);
    const { ends } = this.#deps;
    for (const open of [...thread.waiting, ...(thread.current === undefined ? [] : [thread.current])])
      ends.cancel(open, { reason: 'Cancelled', message: 'Its conversation was closed.' });
    if (thread.record.state === 'Open') ends.close(thread, 'ByRequest');
    await this.#talk.writer.write([recordOf(thread)]);
    this.#talk.changed('Conversation', name);
    return this.#object('Conversation', key) as ConversationObject; // the key's kind is Conversation
  }

  async usage(key: ObjectKey, { since }: { since?: number | undefined }): Promise<AgentUsage[]> {
    const { namespace = 'default', name } = key;
    const sums = this.#context.journal.usageByModel({ namespace, agent: name, since });
    if (sums.length === 0) await this.#agent(key); // throws NotFound; usage of a deleted Agent is kept
    return sums;
  }

  async usageByAgent(scope: {
    namespace?: string | undefined;
    since?: number | undefined;
  }): Promise<AgentUsage[]> {
    return this.#context.journal.usageByModel(scope);
  }

  async query(
    key: ObjectKey,
    question: { action: string; params?: unknown; timeout?: number | undefined },
  ): Promise<unknown> {
    try {
      return await this.#query(await this.#agent(key), question);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      throw new ApiError(reasons[error.code], `Agent ${keyText(key)}: ${error.message}`, { cause: error });
    }
  }

  /** Returns a message. Throws ApiError NotFound. With `sender`, messages of others count as not found. */
  message({ namespace, name }: ObjectKey, sender?: Sender): Message {
    const message = this.#context.journal.message(name);
    const isTheirs = sender === undefined || this.#talk.isSameAgent(message?.from, sender);
    if (message?.namespace !== namespace || message === undefined || !isTheirs)
      throw new ApiError('NotFound', `messages "${name}" not found`);
    return message;
  }

  /** Throws ApiError NotFound. */
  async #agent(key: ObjectKey): Promise<Agent> {
    return this.#context.agent(keyText(key)) ?? (await this.#deps.resources.get('Agent', key));
  }

  async #cancel({ id, state }: Message): Promise<void> {
    const open = this.#talk.opens.get(id);
    if (open === undefined) throw new ApiError('Conflict', `Message ${id} is already ${state}.`);
    this.#deps.ends.cancel(open, { reason: 'Cancelled', message: 'It was cancelled.' });
    await this.#talk.writer.settle();
  }

  async #retry(message: Message): Promise<void> {
    if (message.state !== 'Failed' && message.state !== 'Expired')
      throw new ApiError(
        'Conflict',
        `Message ${message.id} is ${message.state}: only a message that failed or expired can be sent again.`,
      );
    const agent = this.#context.agent(keyOf(message));
    if (agent === undefined)
      throw new ApiError('Conflict', `Agent ${message.agent} of message ${message.id} is gone.`);
    await this.#deps.intake.retry(message, this.#context.rules(agent).timeout);
  }

  async #query(
    { metadata, spec }: Agent,
    { action, params, timeout = 30_000 }: { action: string; params?: unknown; timeout?: number | undefined },
  ): Promise<unknown> {
    const key = keyText(metadata);
    if (spec.protocol === 'none')
      throw new ApiError(
        'BadRequest',
        `Agent ${key} has no protocol, so it cannot answer queries. Set spec.protocol to ${protocolsThat('queries')}.`,
      );
    for (const { state, stopping, target, connection } of this.#talk.links.values())
      if (state === 'Ready' && !stopping && keyOf(target) === key && connection !== undefined)
        return connection.query(action, params, { timeout });
    throw new ApiError('ServiceUnavailable', `No instance of Agent ${key} is Ready.`);
  }

  #object(kind: 'Approval' | 'Conversation', key: ObjectKey) {
    const object = this.#deps.objects.get(kind, key);
    if (object !== undefined) return object;
    throw new ApiError('NotFound', `${kind} ${keyText(key)} is gone.`);
  }
}
