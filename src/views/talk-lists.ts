import type { Message, ObjectKey } from '../api/objects.ts';
import type { Resources } from '../client/resources.ts';

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
