import { formatDuration } from '../api/duration.ts';
import type { Approval, Conversation, Message } from '../api/objects.ts';
import type { Clock } from '../platform/clock.ts';
import { followMessage } from './http-follow.ts';
import { among, below } from './http-own-paths.ts';
import { timeOf, withQuery } from './http-paths.ts';
import type { Transport } from './http-transport.ts';
import type { AgentUsage, NewMessage, Streams } from './streams.ts';

type Talk = Pick<
  Streams,
  'send' | 'stream' | 'change' | 'decide' | 'closeConversation' | 'usage' | 'usageByAgent' | 'query'
>;

/** The casts say what the server promises of each path. */
export function createHttpTalk(transport: Transport, clock: Clock): Talk {
  const post = (path: string, body: object, silence?: number): Promise<unknown> =>
    transport.json({ method: 'POST', path, body, ...(silence === undefined ? {} : { silence }) });
  return {
    async send(agent, messages) {
      const answer = await post(below('agents', agent, 'messages'), { items: messages.map(written) });
      return (answer as { items: Message[] }).items;
    },
    stream: (message, options) => followMessage(transport, clock, message, options),
    change: (message, what) => post(below('messages', message, what), {}) as Promise<Message>,
    decide: (approval, decision, how) =>
      post(below('approvals', approval, decision), how) as Promise<Approval>,
    closeConversation: (conversation) =>
      post(below('conversations', conversation, 'close'), {}) as Promise<Conversation>,
    async usage(agent, { since }) {
      const path = withQuery(below('agents', agent, 'usage'), { since: timeOf(since) });
      return ((await transport.json({ method: 'GET', path })) as { items: AgentUsage[] }).items;
    },
    async usageByAgent({ namespace, since }) {
      const path = withQuery(among('usages', namespace), { since: timeOf(since) });
      return ((await transport.json({ method: 'GET', path })) as { items: AgentUsage[] }).items;
    },
    async query(agent, { action, params, timeout }) {
      const timeoutSeconds = timeout === undefined ? undefined : timeout / 1000;
      // The server answers in the end, be it with Timeout: how long it takes by default is its own affair.
      const answer = await post(below('agents', agent, 'query'), { action, params, timeoutSeconds }, 0);
      return (answer as { result?: unknown }).result;
    },
  };
}

const written = ({ timeout, ...message }: NewMessage): object => ({
  ...message,
  ...(timeout === undefined ? {} : { timeout: formatDuration(timeout) }),
});
