import type { ObjectKey } from '../../api/objects.ts';
import type { Client } from '../cli.ts';
import { messagesOf } from '../talk/conversations.ts';

const shownTurns = 5;
const shownLines = 6;

/** The last turns of a conversation, each cut to a few lines. */
export async function earlierTurns(
  client: Client,
  agent: ObjectKey,
  conversation: string,
  interactive: boolean,
): Promise<string> {
  await client.get('Conversation', { ...agent, name: conversation });
  if (!interactive) return '';
  const messages = await messagesOf(client, agent.namespace, { 'spec.conversation': conversation });
  const turns = messages.slice(-shownTurns).map(({ spec, status = {} }) => {
    const answer =
      status.answer ?? `(${[status.state ?? 'Pending', status.reason].filter(Boolean).join(': ')})`;
    return `> ${short(spec.text)}\n${short(answer)}\n`;
  });
  const before = messages.length - turns.length;
  return `${before > 0 ? `(${before} earlier)\n` : ''}${turns.join('')}`;
}

function short(text: string): string {
  const lines = text.trim().split('\n');
  if (lines.length <= shownLines) return lines.join('\n');
  return `${lines.slice(0, shownLines - 1).join('\n')}\n(${lines.length - shownLines + 1} more lines)`;
}
