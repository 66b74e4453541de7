/** A worker of the line protocol that does next to nothing. `time`: says what time it is. `ask NAME`: asks another, and says how many ms the answer took. */
import { createInterface } from 'node:readline';

const asked = new Map();
const write = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const now = () => performance.timeOrigin + performance.now();

function answer({ messageId, conversationId }, text) {
  write({ type: 'event', conversationId, event: { type: 'text', text } });
  write({ type: 'chat_done', conversationId, messageId });
}

createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === '') return;
  const message = JSON.parse(line);
  switch (message.type) {
    case 'chat': {
      write({ type: 'ack', messageId: message.messageId });
      if (message.message === 'time') return answer(message, String(now()));
      if (!message.message.startsWith('ask ')) return answer(message, 'ok');
      const requestId = message.messageId;
      asked.set(requestId, { message, at: now() });
      return write({ type: 'route_request', requestId, toId: message.message.slice(4), message: 'hello' });
    }
    case 'route':
      return write({ type: 'route_done', requestId: message.requestId, response: 'hello yourself' });
    case 'route_response': {
      const { message: chat, at } = asked.get(message.requestId);
      asked.delete(message.requestId);
      return answer(chat, String(message.error === undefined ? now() - at : Number.NaN));
    }
  }
});
write({ type: 'ready' });
