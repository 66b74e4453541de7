import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { kindInfo, type Verb } from '../api/kinds.ts';
import type { AnyObject, Kind, New, ObjectKey } from '../api/objects.ts';
import { isObject } from '../api/schema.ts';
import { parseTime } from '../api/time.ts';
import { forbidden, mayUse } from './access.ts';
import { answer, toApiError } from './answer.ts';
import { objectBody } from './body.ts';
import { ownGroup } from './discovery.ts';
import type { Parts } from './parts.ts';
import { flag, number, text } from './query.ts';

const root = `/apis/${ownGroup}/v1`;

/** The controller's own paths; src/client/http-streams.ts asks for them. */
export function streamRoutes(app: FastifyInstance, { registry, streams, log, open }: Parts): void {
  app.get(`${root}/namespaces/:namespace/instances/:name/log`, async (request, reply) => {
    const key = keyOf(request, 'get', 'Instance');
    const options = {
      follow: flag(request, 'follow'),
      previous: flag(request, 'previous'),
      tail: number(request, 'tailLines'),
      since: time(request, 'sinceTime'),
    };
    await registry.get('Instance', key); // an unknown one is a plain 404
    await open.send(
      reply,
      'application/jsonl',
      async function* (signal) {
        for await (const entry of streams.log(key, { ...options, signal })) yield JSON.stringify(entry);
      },
      (error) => JSON.stringify({ error: toApiError(error, log).toStatus() }),
    );
  });

  app.get(`${root}/namespaces/:namespace/agents/:name/forecast`, async (request, reply) => {
    const until = time(request, 'until');
    if (until === undefined) throw new ApiError('BadRequest', 'query until: an RFC 3339 time is needed');
    return answer(request, reply, {
      items: await streams.forecast(keyOf(request, 'get', 'Agent'), { until }),
    });
  });

  app.get(`${root}/namespaces/:namespace/agents/:name/volumes`, async (request, reply) =>
    answer(request, reply, { items: await streams.volumes(keyOf(request, 'get', 'Agent')) }),
  );

  app.delete(`${root}/namespaces/:namespace/agents/:name/volumes`, async (request, reply) =>
    answer(request, reply, { items: await streams.purge(keyOf(request, 'delete', 'Agent')) }),
  );

  app.post(`${root}/plans`, async (request, reply) => {
    allow(request, 'create', 'Agent');
    const { items } = objectBody(request);
    if (!Array.isArray(items) || !items.every(isObject))
      throw new ApiError('BadRequest', 'the body must be a List of objects, under items');
    const objects = items as unknown as New<AnyObject>[]; // the controller validates them, as the registry would
    return answer(request, reply, { items: await streams.plan(objects) });
  });

  app.get(`${root}/controller`, async (request, reply) => answer(request, reply, await streams.status()));

  app.post(`${root}/controller/stopagents`, async (request, reply) => {
    if (request.user.role !== 'admin') throw forbidden(request.user, 'create', 'controller/stopagents');
    await streams.stopAgents();
    return answer(request, reply, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' });
  });
}

/** Who may do so to the object itself may do it here. */
function allow(request: FastifyRequest, verb: Verb, kind: Kind): void {
  const info = kindInfo(kind);
  if (!mayUse(request.user.role, verb, info))
    throw forbidden(request.user, verb, `${info.plural}.${ownGroup}`);
}

function keyOf(request: FastifyRequest, verb: Verb, kind: Kind): ObjectKey {
  allow(request, verb, kind);
  return request.params as { namespace: string; name: string }; // as the routes name them
}

function time(request: FastifyRequest, name: string): number | undefined {
  const value = text(request, name);
  if (value === undefined) return undefined;
  const at = parseTime(value);
  if (at === undefined)
    throw new ApiError('BadRequest', `query ${name}: ${JSON.stringify(value)} is not an RFC 3339 time`);
  return at;
}
