import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { isObject } from '../api/json.ts';
import { kindInfo, type Verb } from '../api/kinds.ts';
import type { AnyObject, Kind, New, ObjectKey } from '../api/objects.ts';
import type { ControllerApi, LogApi, PlanApi, SyncApi, VolumeApi } from '../client/streams.ts';
import { forbidden, localUser, mayUse } from './access.ts';
import { answer, toApiError } from './answer.ts';
import { ownGroup } from './discovery.ts';
import { authorOf, flag, number, type ServerDeps, time } from './kind-request.ts';
import { objectBody } from './request-body.ts';

/** Routes for everything but messages that is served in addition to the objects. Each has its own interface. */
type Common = Pick<ServerDeps, 'registry' | 'log' | 'open'>;

export function logRoutes(app: FastifyInstance, logs: LogApi, { registry, log, open }: Common): void {
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
        for await (const entry of logs.log(key, { ...options, signal })) yield JSON.stringify(entry);
      },
      failed: (error) => JSON.stringify({ error: toApiError(error, log).toStatus() }),
    });
  });
}

export function planRoutes(app: FastifyInstance, plans: PlanApi): void {
  app.get(ownPath('agents/:name/forecast'), async (request, reply) => {
    const until = time(request, 'until');
    if (until === undefined) throw new ApiError('BadRequest', 'query until: expected an RFC 3339 time');
    return answer(request, reply, {
      items: await plans.forecast(allowedKey(request, 'get', 'Agent'), { until }),
    });
  });

  app.post(`${ownRoot}/plans`, async (request, reply) => {
    allow(request, 'create', 'Agent');
    const { items } = objectBody(request);
    if (!Array.isArray(items) || !items.every(isObject))
      throw new ApiError('BadRequest', 'the body must be a List of objects, under items');
    const objects = items as unknown as New<AnyObject>[]; // the controller validates them, as the registry would
    return answer(request, reply, { items: await plans.plan(objects, { author: authorOf(request) }) });
  });
}

export function volumeRoutes(app: FastifyInstance, volumes: VolumeApi): void {
  app.get(ownPath('agents/:name/volumes'), async (request, reply) =>
    answer(request, reply, { items: await volumes.volumes(allowedKey(request, 'get', 'Agent')) }),
  );

  app.delete(ownPath('agents/:name/volumes'), async (request, reply) =>
    answer(request, reply, { items: await volumes.purge(allowedKey(request, 'delete', 'Agent')) }),
  );
}

export function controllerRoutes(app: FastifyInstance, controller: ControllerApi): void {
  app.get(`${ownRoot}/controller`, async (request, reply) =>
    answer(request, reply, await controller.status()),
  );

  app.post(`${ownRoot}/controller/stopagents`, async (request, reply) => {
    if (request.user.role !== 'admin') throw forbidden(request.user, 'create', 'controller/stopagents');
    await controller.stopAgents();
    return answer(request, reply, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' });
  });
}

export function syncRoutes(app: FastifyInstance, syncs: SyncApi): void {
  // It writes nothing but makes the controller fetch with the Sync's credentials, so it requires permission to update
  // the Sync.
  app.get(ownPath('syncs/:name/diff'), async (request, reply) => {
    const key = allowedKey(request, 'update', 'Sync');
    return answer(request, reply, await syncs.diffSync(key, { force: flag(request, 'force') }));
  });
}

/** The root of the controller's own paths. src/client/http-streams.ts uses them. */
export const ownRoot = `/apis/${ownGroup}/v1`;

/** Returns a path with a namespace and a name; `rest` is for example `agents/:name/forecast`. */
export const ownPath = (rest: string): string => `${ownRoot}/namespaces/:namespace/${rest}`;

/** Requires the permission that the same verb on the object itself requires. */
export function allow(request: FastifyRequest, verb: Verb, kind: Kind): void {
  const info = kindInfo(kind);
  if (!mayUse(request.user.role, verb, info))
    throw forbidden(request.user, verb, `${info.plural}.${ownGroup}`);
}

/** Returns the key in an ownPath, if the user has permission. */
export function allowedKey(request: FastifyRequest, verb: Verb, kind: Kind): ObjectKey {
  allow(request, verb, kind);
  const { namespace, name } = request.params as { namespace: string; name: string }; // as the routes name them
  return { namespace, name };
}

/**
 * Returns who acts: the user of the token, whatever the body says. Only the socket's user, who is admin, may name a
 * person (`named`): the command line reports the login of its user.
 */
export const personOf = ({ user }: FastifyRequest, named?: string): string =>
  user.name === localUser ? (named ?? 'user') : user.name;
