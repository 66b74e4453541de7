import type { FakeAgent } from '../contracts/protocol.ts';
import { checkLine } from '../protocols/jsonl-schema.ts';

function line(type: string, fields: object = {}): string {
  const text = JSON.stringify({ type, ...fields });
  checkLine('fromAgent', text);
  return text;
}

/** A worker of the line protocol that says what it is told to; it names the message where the protocol lets it. All lines are checked. */
export function fakeJsonlAgent(ready: object = {}): FakeAgent {
  const asked: string[] = [];
  const cancelled: string[] = [];
  return {
    asked,
    cancelled,
    greeting: () => [line('ready', ready)],
    takes: (text) => {
      checkLine('toAgent', text);
      const said = JSON.parse(text);
      if (said.type === 'chat' || said.type === 'route') asked.push(said.message);
      if (said.type === 'cancel') cancelled.push(said.messageId);
      return [];
    },
    text: ({ conversation, message }, text) =>
      line('event', { conversationId: conversation, messageId: message, event: { type: 'text', text } }),
    thought: ({ conversation, message }, text) =>
      line('event', { conversationId: conversation, messageId: message, event: { type: 'thought', text } }),
    tool: ({ conversation, message }, tool) =>
      line('event', { conversationId: conversation, messageId: message, event: { type: 'tool', ...tool } }),
    usage: ({ message }, totalTokens) => line('usage', { messageId: message, totalTokens }),
    ends: ({ conversation, message }) =>
      line('chat_done', { conversationId: conversation, messageId: message }),
    fails: ({ message }, why) => line('error', { messageId: message, error: why }),
  };
}

/** A worker as the old supervisor had them: it names conversations alone. */
export function fakeOldJsonlAgent(): FakeAgent {
  return {
    ...fakeJsonlAgent(),
    text: ({ conversation }, text) =>
      line('event', { conversationId: conversation, event: { type: 'text', text } }),
    thought: ({ conversation }, text) =>
      line('event', { conversationId: conversation, event: { type: 'thought', text } }),
    tool: ({ conversation }, tool) =>
      line('event', { conversationId: conversation, event: { type: 'tool', ...tool } }),
    ends: ({ conversation }) => line('chat_done', { conversationId: conversation }),
  };
}
