import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { type KindInfo, kinds } from '../api/kinds.ts';
import { forbidden, mayUse, type Verb } from './access.ts';
import type { OpenStreams } from './lines.ts';
import type { Parts } from './parts.ts';
import { flag } from './query.ts';
import { get, list } from './read.ts';
import { remove, removeAll } from './remove.ts';
import { getScale, setScale } from './scale.ts';
import { type Target, targetOf, targetText } from './target.ts';
import { watch } from './watch.ts';
import { create, patch, update } from './write.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
type Run = (target: Target, request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
type Methods = Partial<Record<Method, [Verb, Run]>>;

export const groupPath = ({ group, version }: Pick<KindInfo, 'group' | 'version'>): string =>
  group === '' ? `/api/${version}` : `/apis/${group}/${version}`;

/** Every path of every kind, as Kubernetes lays them out. */
export function resourceRoutes(app: FastifyInstance, parts: Parts, streams: OpenStreams): void {
  const read: Methods['GET'] = ['list', (target, request, reply) => list(parts, target, request, reply)];
  const all: Methods = {
    GET: read,
    POST: ['create', (target, request, reply) => create(parts, target, request, reply, {})],
    DELETE: ['deletecollection', (target, request, reply) => removeAll(parts, target, request, reply)],
  };
  const one: Methods = {
    GET: ['get', (target, request, reply) => get(parts, target, request, reply)],
    PUT: ['update', (target, request, reply) => update(parts, target, request, reply, {})],
    PATCH: ['patch', (target, request, reply) => patch(parts, target, request, reply, {})],
    DELETE: ['delete', (target, request, reply) => remove(parts, target, request, reply)],
  };
  const subresource = 'status';
  const status: Methods = {
    ...(one.GET === undefined ? {} : { GET: one.GET }),
    PUT: ['update', (target, request, reply) => update(parts, target, request, reply, { subresource })],
    PATCH: ['patch', (target, request, reply) => patch(parts, target, request, reply, { subresource })],
  };

  for (const info of kinds) {
    const root = groupPath(info);
    const collection = info.namespaced
      ? `${root}/namespaces/:namespace/${info.plural}`
      : `${root}/${info.plural}`;
    const route = (url: string, methods: Methods): void => addRoute(app, parts, streams, url, info, methods);
    if (info.namespaced) route(`${root}/${info.plural}`, { GET: read });
    route(collection, all);
    route(`${collection}/:name`, one);
    if (info.subresources.status) route(`${collection}/:name/status`, status);
    const { scale } = info.subresources;
    if (scale === undefined) continue;
    const set: Run = (target, request, reply) => setScale(parts, target, request, reply, scale);
    route(`${collection}/:name/scale`, {
      GET: ['get', (target, request, reply) => getScale(parts, target, request, reply, scale)],
      PUT: ['update', set],
      PATCH: ['patch', set],
    });
  }
}

function addRoute(
  app: FastifyInstance,
  parts: Parts,
  streams: OpenStreams,
  url: string,
  info: KindInfo,
  methods: Methods,
): void {
  app.route({
    method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    url,
    async handler(request, reply) {
      const target = targetOf(info, request);
      const method = methods[request.method as Method]; // the route takes no others
      if (method === undefined)
        throw new ApiError(
          'MethodNotAllowed',
          'the server does not allow this method on the requested resource',
        );
      const watched = request.method === 'GET' && flag(request, 'watch') && !url.endsWith('/status');
      const verb = watched ? 'watch' : method[0];
      if (!mayUse(request.user.role, verb, info)) throw forbidden(request.user, verb, targetText(target));
      return watched ? watch(parts, streams, target, request, reply) : method[1](target, request, reply);
    },
  });
}
