import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { type KindInfo, kinds, type Verb } from '../api/kinds.ts';
import { readOnly } from '../registry/errors.ts';
import { forbidden, isReserved, mayUse, onlyController, type Subresource } from './access.ts';
import { type Asked, asked, askedText } from './asked.ts';
import type { Parts } from './parts.ts';
import { flag } from './query.ts';
import { get, list } from './read.ts';
import { remove, removeCollection } from './remove.ts';
import { getScale, patchScale, updateScale } from './scale.ts';
import { watch } from './watch.ts';
import { create, isRelease, patch, update } from './write.ts';

interface Action {
  verb: Verb;
  run(asked: Asked): Promise<unknown>;
}
type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
type Actions = Readonly<Partial<Record<Method, Action>>>;

const watched: Action = { verb: 'watch', run: watch };
const read: Actions = { GET: { verb: 'list', run: list } };

const collection: Actions = {
  ...read,
  POST: { verb: 'create', run: create },
  DELETE: { verb: 'deletecollection', run: removeCollection },
};

const object: Actions = {
  GET: { verb: 'get', run: get },
  PUT: { verb: 'update', run: update },
  PATCH: { verb: 'patch', run: patch },
  DELETE: { verb: 'delete', run: remove },
};

const subresource = 'status';
const status: Actions = {
  GET: { verb: 'get', run: get },
  PUT: { verb: 'update', run: (asked) => update(asked, { subresource }) },
  PATCH: { verb: 'patch', run: (asked) => patch(asked, { subresource }) },
};

const scale: Actions = {
  GET: { verb: 'get', run: getScale },
  PUT: { verb: 'update', run: updateScale },
  PATCH: { verb: 'patch', run: patchScale },
};

export const groupPath = ({ group, version }: Pick<KindInfo, 'group' | 'version'>): string =>
  group === '' ? `/api/${version}` : `/apis/${group}/${version}`;

/** Every path of every kind, as Kubernetes lays them out. */
export function resourceRoutes(app: FastifyInstance, deps: Parts): void {
  for (const info of kinds) {
    const root = groupPath(info);
    const path = info.namespaced ? `${root}/namespaces/:namespace/${info.plural}` : `${root}/${info.plural}`;
    const route = (url: string, actions: Actions, below?: Subresource): void =>
      addRoute(app, deps, url, info, actions, below);
    if (info.namespaced) route(`${root}/${info.plural}`, read);
    route(path, collection);
    route(`${path}/:name`, object);
    if (info.subresources.status) route(`${path}/:name/status`, status, 'status');
    if (info.subresources.scale !== undefined) route(`${path}/:name/scale`, scale, 'scale');
  }
}

function addRoute(
  app: FastifyInstance,
  deps: Parts,
  url: string,
  info: KindInfo,
  actions: Actions,
  below: Subresource,
): void {
  const canWatch = actions === read || actions === collection || actions === object;
  const choose = (request: FastifyRequest): Action => {
    if (canWatch && request.method === 'GET' && flag(request, 'watch')) return watched;
    const action = actions[request.method as Method]; // the route takes no others
    if (action !== undefined && info.verbs.includes(action.verb)) return action;
    if (!info.stored) throw readOnly(info);
    throw new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
  };
  app.route({
    method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    url,
    async handler(request: FastifyRequest, reply: FastifyReply) {
      const { verb, run } = choose(request);
      const what = asked(deps, info, request, reply);
      const { user } = request;
      const releases = below === undefined && mayUse(user.role, 'delete', info) && isRelease(what);
      if (!releases && isReserved(verb, info, below))
        throw onlyController(user, verb, askedText(what, below));
      if (!releases && !mayUse(user.role, verb, info)) throw forbidden(user, verb, askedText(what, below));
      return run(what);
    },
  });
}
