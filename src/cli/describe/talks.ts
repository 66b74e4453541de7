import { type Agent, type Conversation, keyOf, type Message } from '../../api/objects.ts';
import type { AgentUsage } from '../../client/streams.ts';
import type { Client } from '../cli.ts';
import { fieldSelector, messagesOf } from '../talk/conversations.ts';

/** Reads the messages and conversations of an agent, and their usage. */
export interface Talks {
  messages(agent: Agent): Promise<readonly Message[]>;
  conversations(agent: Agent): Promise<readonly Conversation[]>;
  usage(agent: Agent, since: number): Promise<readonly AgentUsage[]>;
}

/** Sends requests for each agent. */
export const talksOfEach = (client: Client): Talks => ({
  messages: ({ metadata: { namespace, name } }) =>
    messagesOf(client, namespace, { 'spec.agentRef.name': name }),
  async conversations({ metadata: { namespace, name } }) {
    const own = fieldSelector({ 'spec.agentRef.name': name });
    return (await client.list('Conversation', { namespace, fieldSelector: own })).items;
  },
  usage: (agent, since) => client.usage(keyOf(agent), { since }),
});

/** Sends one request for all agents of a namespace. */
export function talksOfAll(client: Client): Talks {
  const answers = new Map<string, Promise<Map<string, unknown[]>>>();
  /** Returns the items of one agent; `name` returns the agent of an item. */
  async function of<T>(
    agent: Agent,
    what: string,
    ask: (namespace: string | undefined) => Promise<readonly T[]>,
    name: (item: T) => string,
  ): Promise<readonly T[]> {
    const { namespace } = agent.metadata;
    const id = `${what}/${namespace}`;
    let answer = answers.get(id);
    if (answer === undefined) {
      answer = ask(namespace).then((items) => Map.groupBy(items, name));
      answers.set(id, answer);
    }
    return ((await answer).get(agent.metadata.name) ?? []) as T[]; // `what` determines the type
  }
  return {
    messages: (agent) =>
      of(
        agent,
        'messages',
        (namespace) => messagesOf(client, namespace, {}),
        ({ spec }) => spec.agentRef.name,
      ),
    conversations: (agent) =>
      of(
        agent,
        'conversations',
        async (namespace) => (await client.list('Conversation', { namespace })).items,
        ({ spec }) => spec.agentRef.name,
      ),
    usage: (agent, since) =>
      of(
        agent,
        `usage/${since}`,
        (namespace) => client.usageByAgent({ namespace, since }),
        (sum) => sum.agent,
      ),
  };
}
