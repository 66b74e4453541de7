import type { FastifyInstance } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { kindInfo } from '../api/kinds.ts';
import type { AnyObject, New } from '../api/objects.ts';
import { isObject } from '../api/schema.ts';
import { forbidden } from './access.ts';
import { answer, toApiError } from './answer.ts';
import type { Parts } from './kind-request.ts';
import { messageBodyLimit, newMessages } from './message-routes.ts';
import { allow, allowedKey, ownPath, ownRoot, personOf } from './own-group.ts';
import { authorOf, flag, number, time } from './query-parameters.ts';
import { objectBody } from './request-body.ts';

/** Routes for logs, forecasts, plans, volumes, and the controller itself. */
export function streamRoutes(app: FastifyInstance, { registry, streams, log, open }: Parts): void {
  app.get(ownPath('instances/:name/log'), async (request, reply) => {
    const key = allowedKey(request, 'get', 'Instance');
    const options = {
      follow: flag(request, 'follow'),
      runs: flag(request, 'runs'),
      previous: flag(request, 'previous'),
      raw: flag(request, 'raw'),
      tail: number(request, 'tailLines'),
      since: time(request, 'sinceTime'),
    };
    await registry.get('Instance', key); // answers a plain 404 if there is none
    await open.send(reply, {
      contentType: 'application/jsonl',
      async *lines(signal) {
        for await (const entry of streams.log(key, { ...options, signal })) yield JSON.stringify(entry);
      },
      failed: (error) => JSON.stringify({ error: toApiError(error, log).toStatus() }),
    });
  });

  app.get(ownPath('agents/:name/forecast'), async (request, reply) => {
    const until = time(request, 'until');
    if (until === undefined) throw new ApiError('BadRequest', 'query until: expected an RFC 3339 time');
    return answer(request, reply, {
      items: await streams.forecast(allowedKey(request, 'get', 'Agent'), { until }),
    });
  });

  app.get(ownPath('agents/:name/volumes'), async (request, reply) =>
    answer(request, reply, { items: await streams.volumes(allowedKey(request, 'get', 'Agent')) }),
  );

  app.delete(ownPath('agents/:name/volumes'), async (request, reply) =>
    answer(request, reply, { items: await streams.purge(allowedKey(request, 'delete', 'Agent')) }),
  );

  app.post(`${ownRoot}/plans`, async (request, reply) => {
    allow(request, 'create', 'Agent');
    const { items } = objectBody(request);
    if (!Array.isArray(items) || !items.every(isObject))
      throw new ApiError('BadRequest', 'the body must be a List of objects, under items');
    const objects = items as unknown as New<AnyObject>[]; // the controller validates them, as the registry would
    return answer(request, reply, { items: await streams.plan(objects, { author: authorOf(request) }) });
  });

  app.get(`${ownRoot}/controller`, async (request, reply) => answer(request, reply, await streams.status()));

  app.post(`${ownRoot}/controller/stopagents`, async (request, reply) => {
    if (request.user.role !== 'admin') throw forbidden(request.user, 'create', 'controller/stopagents');
    await streams.stopAgents();
    return answer(request, reply, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' });
  });
}

/** Routes for messages to an Agent, which are journaled, for queries, which are not, and for the usage of its turns. */
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

/** Shows what a Sync's next revision would change. */
export function syncRoutes(app: FastifyInstance, { streams }: Parts): void {
  // It writes nothing but makes the controller fetch with the Sync's credentials, so it requires permission to update
  // the Sync.
  app.get(ownPath('syncs/:name/diff'), async (request, reply) => {
    const key = allowedKey(request, 'update', 'Sync');
    return answer(request, reply, await streams.diffSync(key, { force: flag(request, 'force') }));
  });
}
