import type { FastifyInstance } from 'fastify';
import { ApiError } from '../api/errors.ts';
import type { AnyObject, New } from '../api/objects.ts';
import { isObject } from '../api/schema.ts';
import { forbidden } from './access.ts';
import { answer, toApiError } from './answer.ts';
import { objectBody } from './body.ts';
import { allow, allowedKey, ownPath, ownRoot } from './own-group.ts';
import type { Parts } from './parts.ts';
import { authorOf, flag, number, time } from './query.ts';

/** Logs, forecasts, plans, volumes, and the controller itself. */
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
    await registry.get('Instance', key); // an unknown one is a plain 404
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
