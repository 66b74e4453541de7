import { isApiError } from '../api/errors.ts';
import {
  type Agent,
  type Conversation,
  type Kind,
  type Kinds,
  keyOf,
  type Message,
  type ObjectKey,
} from '../api/objects.ts';
import { found, type List, type ListOptions, type Resources } from '../client/resources.ts';
import type { AgentUsage, StreamEntry, Streams } from '../client/streams.ts';
import { fieldSelector, messagesOf } from './talk-lists.ts';

type Client = Pick<Resources, 'list' | 'get'> & Pick<Streams, 'usage' | 'usageByAgent' | 'stream' | 'status'>;

/** Reads what views are built from. It asks for each list and object once, because many views need the same ones. */
export class Lookup {
  readonly #client: Client;
  readonly #ofAll: boolean;
  readonly #answers = new Map<string, Promise<unknown>>();

  /** `ofAll`: all agents are viewed, so one request for a namespace is better than one for each agent. */
  constructor(client: Client, { ofAll = false } = {}) {
    this.#client = client;
    this.#ofAll = ofAll;
  }

  list<K extends Kind>(kind: K, options: ListOptions = {}): Promise<List<Kinds[K]>> {
    return this.#once(['list', kind, options], () => this.#client.list(kind, options));
  }

  get<K extends Kind>(kind: K, key: ObjectKey): Promise<Kinds[K]> {
    return this.#once(['get', kind, key], () => this.#client.get(kind, key));
  }

  /** Returns undefined if there is no such object. */
  find<K extends Kind>(kind: K, key: ObjectKey): Promise<Kinds[K] | undefined> {
    return found(this.get(kind, key));
  }

  /** Returns the messages of an agent, oldest first. */
  messages({ metadata: { namespace, name } }: Agent): Promise<readonly Message[]> {
    if (!this.#ofAll) return messagesOf(this, namespace, { 'spec.agentRef.name': name });
    return this.#ofAgent('Message', namespace, name, () => messagesOf(this, namespace, {}));
  }

  async conversations({ metadata: { namespace, name } }: Agent): Promise<readonly Conversation[]> {
    if (this.#ofAll)
      return this.#ofAgent(
        'Conversation',
        namespace,
        name,
        async () => (await this.list('Conversation', { namespace })).items,
      );
    const own = fieldSelector({ 'spec.agentRef.name': name });
    return (await this.list('Conversation', { namespace, fieldSelector: own })).items;
  }

  async usage(agent: Agent, since: number): Promise<readonly AgentUsage[]> {
    const { namespace, name } = agent.metadata;
    if (!this.#ofAll) return this.#client.usage(keyOf(agent), { since });
    const all = await this.#once(['usage', namespace, since], () =>
      this.#client.usageByAgent({ namespace, since }),
    );
    return all.filter((sum) => sum.agent === name);
  }

  /** Returns the events of a message so far; none if they were pruned since the message was read. */
  async turn(message: ObjectKey, signal: AbortSignal): Promise<StreamEntry[]> {
    const entries: StreamEntry[] = [];
    try {
      for await (const entry of this.#client.stream(message, { follow: false, signal })) entries.push(entry);
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
    return entries;
  }

  /** Whether the controller listens where a Git host could reach it. */
  async listens(): Promise<boolean> {
    return (await this.#once(['status'], () => this.#client.status())).tls !== undefined;
  }

  async #ofAgent<T extends Message | Conversation>(
    kind: T['kind'],
    namespace: string | undefined,
    name: string,
    ask: () => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    const groups = await this.#once(['by agent', kind, namespace], async () =>
      Map.groupBy(await ask(), ({ spec }) => spec.agentRef.name),
    );
    return groups.get(name) ?? [];
  }

  #once<T>(question: readonly unknown[], ask: () => Promise<T>): Promise<T> {
    const id = JSON.stringify(question);
    const answer = this.#answers.get(id) ?? ask();
    this.#answers.set(id, answer);
    return answer as Promise<T>; // the question determines the type
  }
}
