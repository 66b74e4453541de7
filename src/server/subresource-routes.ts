/** Routes for everything but messages that is served in addition to the objects. Each has its own interface. */
import type { FastifyInstance } from 'fastify';
import { ApiError } from '../api/errors.ts';
import type { AnyObject, New } from '../api/objects.ts';
import { isObject } from '../api/schema.ts';
import type { ControllerApi, LogApi, PlanApi, SyncApi, VolumeApi } from '../client/streams.ts';
import { forbidden } from './access.ts';
import { answer, toApiError } from './answer.ts';
import type { Parts } from './kind-request.ts';
import { allow, allowedKey, ownPath, ownRoot } from './own-group.ts';
import { authorOf, flag, number, time } from './query-parameters.ts';
import { objectBody } from './request-body.ts';

type Common = Pick<Parts, 'registry' | 'log' | 'open'>;

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
