import type { Conversation, Message } from '../api/objects.ts';
import type { Lookup } from './lookup.ts';
import { type MessageView, messageView } from './message-view.ts';
import { messagesOf } from './talk-lists.ts';

export interface ConversationView
  extends Pick<Conversation, 'kind' | 'metadata'>,
    Required<Pick<Conversation, 'status'>> {
  agent: string;
  /** Its messages with their answers, the oldest first. */
  dialogue: readonly MessageView[];
}

export const conversationView = (
  { kind, metadata, spec, status = {} }: Conversation,
  messages: readonly Message[] = [],
): ConversationView => ({
  kind,
  metadata,
  agent: spec.agentRef.name,
  status,
  dialogue: messages.map((message) => messageView(message)),
});

export async function readConversation(
  lookup: Pick<Lookup, 'list'>,
  conversation: Conversation,
): Promise<ConversationView> {
  const { namespace, name } = conversation.metadata;
  return conversationView(conversation, await messagesOf(lookup, namespace, { 'spec.conversation': name }));
}
