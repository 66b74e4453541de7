import type { ObjectKey } from '../../api/objects.ts';
import { listed } from '../../api/text.ts';
import { type ConversationView, isEnded } from '../../views/conversation-view.ts';
import { messagesOf } from '../../views/lookup.ts';
import type { Cli, Client } from '../cli.ts';
import { fields } from '../describe/fields.ts';

export const helpText = `/new      begin a new conversation with your next message
/status   show the state of this conversation
/cancel   cancel the current turn, as Ctrl-C does
/quit     quit, as Ctrl-D does
End a line with a backslash to continue on the next one. Any other /word is sent to the agent.
`;

export const conversationStatus = ({ metadata, agent, status }: ConversationView): string =>
  fields([
    ['Agent', agent],
    ['Conversation', metadata.name],
    ['State', status.state],
    ['Instance', status.instance ?? 'none yet'],
    ['Messages', status.messages === undefined ? undefined : String(status.messages)],
    ['Tokens', status.tokens ?? '?'],
    ['Cost', status.cost ?? '?'],
  ]);

/** Cancels all unfinished messages of this conversation; returns a text with their number. */
export async function cancelAll(
  client: Client,
  agent: ObjectKey,
  conversation: string | undefined,
  cli: Cli,
): Promise<void> {
  const messages =
    conversation === undefined
      ? []
      : await messagesOf(client, agent.namespace, { 'spec.conversation': conversation });
  const open = messages.filter((message) => !isEnded(message));
  for (const { metadata } of open) await client.change({ ...agent, name: metadata.name }, 'cancel');
  cli.err(
    open.length === 0
      ? 'nothing to cancel\n'
      : `${listed(open.map(({ metadata }) => metadata.name))} cancelled\n`,
  );
}
