import type { FastifyInstance } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { kindInfo } from '../api/kinds.ts';
import { answer } from './answer.ts';
import { objectBody } from './body.ts';
import { messageBodyLimit, newMessages } from './new-messages.ts';
import { allow, allowedKey, ownPath, ownRoot, personOf } from './own-group.ts';
import type { Parts } from './parts.ts';
import { time } from './query.ts';

/** What is said to an Agent: messages, which are journalled, and queries, which are not; and what its turns have used. */
export function agentRoutes(app: FastifyInstance, { streams }: Parts): void {
  app.post(ownPath('agents/:name/messages'), { bodyLimit: messageBodyLimit }, async (request, reply) => {
    const key = allowedKey(request, 'create', 'Message');
    const sent = newMessages(objectBody(request), (named) => personOf(request, named));
    const items = await streams.send(key, sent);
    const { apiVersion } = kindInfo('Message');
    return answer(request, reply, { kind: 'MessageList', apiVersion, metadata: {}, items }, 201);
  });

  app.get(ownPath('agents/:name/usage'), async (request, reply) => {
    const since = time(request, 'since');
    const items = await streams.usage(allowedKey(request, 'get', 'Agent'), { since });
    return answer(request, reply, { items });
  });

  for (const path of [ownPath('usages'), `${ownRoot}/usages`])
    app.get(path, async (request, reply) => {
      allow(request, 'list', 'Agent');
      const { namespace } = request.params as { namespace?: string }; // as the paths name it
      const items = await streams.usageByAgent({ namespace, since: time(request, 'since') });
      return answer(request, reply, { items });
    });

  app.post(ownPath('agents/:name/query'), async (request, reply) => {
    const key = allowedKey(request, 'create', 'Message');
    const { action, params, timeoutSeconds } = objectBody(request);
    if (typeof action !== 'string' || action === '')
      throw new ApiError('BadRequest', 'action: expected the name of the query, as a string');
    const timeout = milliseconds(timeoutSeconds);
    return answer(request, reply, { result: await streams.query(key, { action, params, timeout }) });
  });
}

/** In seconds. */
const longestTimeout = 24 * 60 * 60;

function milliseconds(seconds: unknown): number | undefined {
  if (seconds === undefined) return undefined;
  if (typeof seconds === 'number' && seconds > 0 && seconds <= longestTimeout) return seconds * 1000;
  throw new ApiError('BadRequest', `timeoutSeconds: expected a number above 0, up to ${longestTimeout}`);
}
