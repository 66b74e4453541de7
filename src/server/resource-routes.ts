import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { isObject } from '../api/json.ts';
import { type KindInfo, kinds, type Verb } from '../api/kinds.ts';
import type { DeleteOptions } from '../client/resources.ts';
import type { ResourceEvent } from '../registry/list-watch.ts';
import { readOnly } from '../registry/status-errors.ts';
import { forbidden, isReserved, mayUse, onlyController, type Subresource } from './access.ts';
import { answer, representation, toApiError } from './answer.ts';
import {
  type Asked,
  asked,
  askedText,
  dryRunOf,
  flag,
  keyOf,
  listOptions,
  number,
  oneOf,
  type ServerDeps,
  text,
} from './kind-request.ts';
import { hasBody, objectBody } from './request-body.ts';
import { create, isRelease, patch, patchOf, update, warned } from './write-requests.ts';

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

/** Registers every path of every kind, as in Kubernetes. */
export function resourceRoutes(app: FastifyInstance, deps: ServerDeps): void {
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
  deps: ServerDeps,
  url: string,
  info: KindInfo,
  actions: Actions,
  below: Subresource,
): void {
  const canWatch = actions === read || actions === collection || actions === object;
  const choose = (request: FastifyRequest): Action => {
    if (canWatch && request.method === 'GET' && flag(request, 'watch')) return watched;
    const action = actions[request.method as Method]; // the route accepts no others
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

async function get(asked: Asked): Promise<FastifyReply> {
  const form = representation(asked);
  const object = await asked.registry.get(asked.info.kind, keyOf(asked));
  return answer(asked.request, asked.reply, form.one(object));
}

async function list(asked: Asked): Promise<FastifyReply> {
  const { request, reply, info, namespace } = asked;
  const form = representation(asked);
  const found = await asked.registry.list(info.kind, { ...listOptions(request), namespace });
  return answer(request, reply, form.list(found));
}

/** Returns `Scale` of autoscaling/v1: the replicas of an object, whatever its kind calls them. */
async function getScale(asked: Asked): Promise<FastifyReply> {
  const { registry, request, reply, info } = asked;
  return answer(request, reply, await registry.scale(info.kind, keyOf(asked)));
}

async function updateScale(asked: Asked): Promise<FastifyReply> {
  const { registry, request, reply, info } = asked;
  const body = objectBody(request);
  const scale = await warned(asked, (options) =>
    registry.updateScale(info.kind, keyOf(asked), body, options),
  );
  return answer(request, reply, scale);
}

async function patchScale(asked: Asked): Promise<FastifyReply> {
  const { registry, request, reply, info } = asked;
  const patch = patchOf(asked);
  const scale = await warned(asked, (options) =>
    registry.patchScale(info.kind, keyOf(asked), patch, options),
  );
  return answer(request, reply, scale);
}

/** In seconds. The default duration of a watch; the client then watches again from the last version that it saw. */
const longest = 45 * 60;

/**
 * Sends events as JSON lines. A failure, including 410, is sent as an ERROR event, because the response has begun by
 * then.
 */
async function watch(asked: Asked): Promise<void> {
  const { registry, clock, log, open, info, request, reply } = asked;
  const { labelSelector, fieldSelector, resourceVersion } = listOptions(request);
  const seconds = number(request, 'timeoutSeconds') || longest; // 0 means none
  const { one, bookmark } = representation(asked);
  const line = (event: ResourceEvent): string =>
    JSON.stringify({
      type: event.type,
      object: event.type === 'BOOKMARK' ? bookmark(event.object) : one(event.object),
    });

  async function* lines(gone: AbortSignal): AsyncGenerator<string> {
    const late = new AbortController();
    const cancel = clock.after(Math.min(seconds, longest) * 1000, () => late.abort());
    try {
      const events = registry.watch(info.kind, {
        namespace: asked.namespace,
        labelSelector,
        fieldSelector: selectName(asked, fieldSelector),
        resourceVersion,
        allowWatchBookmarks: flag(request, 'allowWatchBookmarks'),
        sendInitialEvents: flag(request, 'sendInitialEvents') || undefined,
        signal: AbortSignal.any([gone, late.signal]),
      });
      for await (const event of events) yield line(event);
    } finally {
      cancel();
    }
  }

  await open.send(reply, {
    contentType: 'application/json',
    lines,
    failed: (error) => JSON.stringify({ type: 'ERROR', object: toApiError(error, log).toStatus() }),
  });
}

/** A watch of one object is a watch of its collection, filtered by name. */
function selectName({ name }: Asked, fieldSelector: string | undefined): string | undefined {
  if (name === undefined) return fieldSelector;
  return [`metadata.name=${name}`, fieldSelector].filter((part) => part !== undefined).join(',');
}

/** Returns the object as it was when it was deleted, or as it is while finalizers hold it. */
async function remove(asked: Asked): Promise<FastifyReply> {
  const { request, reply, info } = asked;
  const form = representation(asked);
  const object = await asked.registry.delete(info.kind, keyOf(asked), deleteOptions(request));
  return answer(request, reply, form.one(object));
}

/** Deletes the objects of the collection that the selectors select. */
async function removeCollection(asked: Asked): Promise<FastifyReply> {
  const { request, reply, info, namespace } = asked;
  const form = representation(asked);
  const chosen = { ...listOptions(request), namespace };
  const gone = await asked.registry.deleteCollection(info.kind, chosen, deleteOptions(request));
  return answer(request, reply, form.list(gone));
}

/** Reads the options from the body, or else from the query. */
function deleteOptions(request: FastifyRequest): DeleteOptions {
  const body = hasBody(request) ? objectBody(request) : {};
  if (body.kind !== undefined && body.kind !== 'DeleteOptions')
    throw new ApiError(
      'BadRequest',
      `the body of a delete request must be DeleteOptions, found ${JSON.stringify(body.kind)}`,
    );
  const asked = body.propagationPolicy ?? text(request, 'propagationPolicy');
  const propagationPolicy = oneOf('propagationPolicy', asked, ['Background', 'Foreground', 'Orphan']);
  const { uid, resourceVersion } = isObject(body.preconditions) ? body.preconditions : {};
  return {
    dryRun: dryRunOf(request, body.dryRun),
    preconditions: {
      uid: precondition('uid', uid),
      resourceVersion: precondition('resourceVersion', resourceVersion),
    },
    propagationPolicy: propagationPolicy ?? (body.orphanDependents === true ? 'Orphan' : undefined),
  };
}

function precondition(field: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw new ApiError('BadRequest', `preconditions.${field}: expected a string`);
}
