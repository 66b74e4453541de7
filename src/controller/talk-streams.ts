import { ApiError } from '../api/errors.ts';
import {
  type Agent,
  type Approval as ApprovalObject,
  type Conversation as ConversationObject,
  keyText,
  type Message as MessageObject,
  type ObjectKey,
} from '../api/objects.ts';
import type {
  AgentUsage,
  Decision,
  NewMessage,
  StreamEntry,
  StreamOptions,
  Streams,
} from '../client/streams.ts';
import type { Talk } from '../conversations/talk.ts';
import { ProtocolError } from '../protocols/protocol.ts';

type Talking = Pick<
  Streams,
  'send' | 'stream' | 'change' | 'decide' | 'closeConversation' | 'usage' | 'usageByAgent' | 'query'
>;

/** The part of Streams that is about messages, implemented with Talk. */
export class TalkStreams implements Talking {
  readonly #talk: Talk;
  readonly #agent: (key: ObjectKey) => Promise<Agent>;

  constructor(talk: Talk, agent: (key: ObjectKey) => Promise<Agent>) {
    this.#talk = talk;
    this.#agent = agent;
  }

  async send(key: ObjectKey, messages: readonly NewMessage[]): Promise<MessageObject[]> {
    const sent = await this.#talk.send(await this.#agent(key), messages);
    return sent.map((message) => this.#talk.objects.message(message));
  }

  stream(key: ObjectKey, options: StreamOptions): AsyncIterable<StreamEntry> {
    return this.#talk.stream(key, options);
  }

  async change(key: ObjectKey, what: 'retry' | 'cancel'): Promise<MessageObject> {
    const message = what === 'retry' ? await this.#talk.retry(key) : await this.#talk.cancel(key);
    return this.#talk.objects.message(message);
  }

  async decide(key: ObjectKey, decision: 'approve' | 'deny', how: Decision): Promise<ApprovalObject> {
    const state = decision === 'approve' ? 'Approved' : 'Denied';
    await this.#talk.approvals.decide(key.name, key.namespace ?? 'default', state, how);
    return this.#object('Approval', key) as ApprovalObject; // the key's kind is Approval
  }

  async closeConversation(key: ObjectKey): Promise<ConversationObject> {
    await this.#talk.closeConversation(key);
    return this.#object('Conversation', key) as ConversationObject; // the key's kind is Conversation
  }

  async usage(key: ObjectKey, { since }: { since?: number | undefined }): Promise<AgentUsage[]> {
    const { namespace = 'default', name } = key;
    const sums = this.#talk.usage({ namespace, agent: name, since });
    if (sums.length === 0) await this.#agent(key); // throws NotFound; usage of a deleted Agent is kept
    return sums;
  }

  async usageByAgent(scope: {
    namespace?: string | undefined;
    since?: number | undefined;
  }): Promise<AgentUsage[]> {
    return this.#talk.usage(scope);
  }

  async query(
    key: ObjectKey,
    question: { action: string; params?: unknown; timeout?: number | undefined },
  ): Promise<unknown> {
    try {
      return await this.#talk.query(await this.#agent(key), question);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const about = `Agent ${keyText(key)}: ${error.message}`;
      switch (error.reason) {
        case 'Timeout':
          throw new ApiError('Timeout', about, { cause: error });
        case 'Closed':
        case 'AuthRequired':
          throw new ApiError('ServiceUnavailable', about, { cause: error });
        case 'Unsupported':
        case 'LoadRefused':
        case 'LoadFailed':
        case 'Failed':
          throw new ApiError('BadRequest', about, { cause: error });
      }
    }
  }

  #object(kind: 'Approval' | 'Conversation', key: ObjectKey) {
    const object = this.#talk.objects.get(kind, key);
    if (object !== undefined) return object;
    throw new ApiError('NotFound', `${kind} ${keyText(key)} is gone.`);
  }
}
