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

const escaped = (value: string): string => value.replace(/[\\,=]/g, '\\$&');

/** Returns a field selector for these fields. */
export const fieldSelector = (fields: Readonly<Record<string, string | undefined>>): string | undefined => {
  const parts = Object.entries(fields).flatMap(([path, value]) =>
    value === undefined ? [] : [`${path}=${escaped(value)}`],
  );
  return parts.length === 0 ? undefined : parts.join(',');
};

/** Returns the messages, oldest first. */
export async function messagesOf(
  client: Pick<Resources, 'list'>,
  namespace: string | undefined,
  fields: Readonly<Record<string, string | undefined>>,
): Promise<Message[]> {
  const { items } = await client.list('Message', { namespace, fieldSelector: fieldSelector(fields) });
  const time = ({ metadata }: Message): string => metadata.creationTimestamp;
  // The server returns messages of the same second newest first.
  return items
    .toReversed()
    .sort((one, other) => (time(one) < time(other) ? -1 : time(one) > time(other) ? 1 : 0));
}

/**
 * Returns the conversation in which this user last wrote to the agent. A conversation that is no longer kept counts as
 * closed.
 */
export async function newestConversation(
  client: Pick<Resources, 'list'>,
  agent: ObjectKey,
  from: string,
): Promise<{ name: string; closed?: string } | undefined> {
  const { namespace } = agent;
  const byAgent = { 'spec.agentRef.name': agent.name };
  const [messages, conversations] = await Promise.all([
    messagesOf(client, namespace, { ...byAgent, 'spec.from': from }),
    client.list('Conversation', { namespace, fieldSelector: fieldSelector(byAgent) }),
  ]);
  const name = messages.at(-1)?.spec.conversation;
  if (name === undefined) return undefined;
  const status = conversations.items.find(({ metadata }) => metadata.name === name)?.status;
  return status?.state === 'Open' ? { name } : { name, closed: status?.reason ?? 'Gone' };
}
