import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import type { KindInfo } from '../api/kinds.ts';
import type { ObjectKey } from '../api/objects.ts';
import { parseTime } from '../api/time.ts';
import type { WriteOptions } from '../client/resources.ts';
import type { Apis } from '../client/streams.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Exposition, Meters } from '../platform/meters.ts';
import type { RegistryListOptions } from '../registry/object.ts';
import type { Registry } from '../registry/registry.ts';
import type { Parser } from '../sources/parsing/parser.ts';
import type { Waiting } from './object-table.ts';
import type { OpenStreams } from './open-streams.ts';
import type { Pushes } from './pushes.ts';

/**
 * One request about a kind: about one object if the path has a name, else about the collection of one namespace or of
 * all.
 */
export interface Asked extends ServerDeps {
  info: KindInfo;
  namespace: string | undefined;
  name: string | undefined;
  request: FastifyRequest;
  reply: FastifyReply;
}

export function asked(deps: ServerDeps, info: KindInfo, request: FastifyRequest, reply: FastifyReply): Asked {
  const { namespace, name } = request.params as { namespace?: string; name?: string }; // as the routes name them
  return { ...deps, info, namespace, name, request, reply };
}

/** The key from the path. The body may add the rest. */
export const pathKey = ({ namespace, name }: Asked): Partial<ObjectKey> => ({
  ...(namespace === undefined ? {} : { namespace }),
  ...(name === undefined ? {} : { name }),
});

/** The key for a route with a name. */
export const keyOf = (asked: Asked): ObjectKey => ({ ...pathKey(asked), name: asked.name ?? '' });

/**
 * Returns `agents.agentctl.dev "default/x"`, as messages name it; for a subresource `agents.agentctl.dev/status
 * "default/x"`.
 */
export function askedText({ info, namespace, name }: Asked, below?: string): string {
  const group = info.group === '' ? '' : `.${info.group}`;
  const resource = `${info.plural}${group}${below === undefined ? '' : `/${below}`}`;
  if (name === undefined) return resource;
  return `${resource} "${namespace === undefined ? '' : `${namespace}/`}${name}"`;
}

/** What the handlers get. */
export interface ServerDeps {
  registry: Registry;
  apis: Apis;
  clock: Clock;
  log: Log;
  /** Parses YAML bodies. Whoever creates the server closes it. */
  parser: Parser;
  /** The version of agentctl, such as 0.1.0. */
  version: string;
  meters: Meters;
  /** What `/metrics` answers. */
  exposition?: Exposition | undefined;
  /** Watches and logs that are being sent. */
  open: OpenStreams;
  /** Returns how many messages wait for an Agent; absent if that is not known. */
  waiting?: Waiting | undefined;
  /** Receives the pushes that webhooks report. */
  pushes: Pushes;
}

type Query = Readonly<Record<string, string | string[] | undefined>>;

const queryOf = (request: FastifyRequest): Query => request.query as Query; // fastify's own parser returns exactly this type

/** Returns the last of several values; an empty text counts as absent. */
export function text(request: FastifyRequest, name: string): string | undefined {
  const value = queryOf(request)[name];
  const last = Array.isArray(value) ? value.at(-1) : value;
  return last === '' ? undefined : last;
}

/** Reads a boolean as Kubernetes does: `?watch`, `?watch=1` and `?watch=true` are true. */
export function flag(request: FastifyRequest, name: string): boolean {
  const value = queryOf(request)[name];
  const last = Array.isArray(value) ? value.at(-1) : value;
  return last !== undefined && !['0', 'false', 'f'].includes(last.toLowerCase());
}

export function number(request: FastifyRequest, name: string): number | undefined {
  const value = text(request, name);
  if (value === undefined) return undefined;
  if (!/^\d{1,15}$/.test(value))
    throw new ApiError('BadRequest', `query ${name}: ${JSON.stringify(value)} is not a whole number`);
  return Number(value);
}

export function time(request: FastifyRequest, name: string): number | undefined {
  const value = text(request, name);
  if (value === undefined) return undefined;
  const at = parseTime(value);
  if (at === undefined)
    throw new ApiError('BadRequest', `query ${name}: ${JSON.stringify(value)} is not an RFC 3339 time`);
  return at;
}

/** Returns the value if it is supported or absent. Throws an ApiError with the message of a kube-apiserver. */
export function oneOf<const T extends string>(
  name: string,
  value: unknown,
  supported: readonly T[],
  reason: 'Invalid' | 'BadRequest' = 'Invalid',
): T | undefined {
  const found = supported.find((one) => one === value);
  if (found !== undefined || value === undefined) return found;
  const values = supported.map((one) => `"${one}"`).join(', ');
  throw new ApiError(
    reason,
    `${name}: Unsupported value: ${JSON.stringify(value)}: supported values: ${values}`,
  );
}

export function listOptions(request: FastifyRequest): RegistryListOptions {
  return {
    labelSelector: text(request, 'labelSelector'),
    fieldSelector: text(request, 'fieldSelector'),
    limit: number(request, 'limit'),
    continue: text(request, 'continue'),
    resourceVersion: text(request, 'resourceVersion'),
    resourceVersionMatch: oneOf('resourceVersionMatch', text(request, 'resourceVersionMatch'), [
      'Exact',
      'NotOlderThan',
    ]),
  };
}

/** Only `All` is a valid value. `given` is the value from the body of a delete. */
export function dryRunOf(request: FastifyRequest, given?: unknown): boolean {
  const values = [given ?? queryOf(request).dryRun ?? []].flat();
  for (const value of values) oneOf('dryRun', value, ['All']);
  return values.length > 0;
}

export function writeOptions(request: FastifyRequest): WriteOptions {
  const validation = text(request, 'fieldValidation') ?? 'Warn';
  return {
    dryRun: dryRunOf(request),
    fieldManager: text(request, 'fieldManager') ?? managerOf(request),
    fieldValidation: oneOf('fieldValidation', validation, ['Ignore', 'Strict', 'Warn']),
    force: flag(request, 'force'),
    author: authorOf(request),
  };
}

/**
 * Returns the author to record in a written object; undefined for admins, who may do everything on this host anyway.
 */
export const authorOf = ({ user }: FastifyRequest): string | undefined =>
  user.role === 'admin' ? undefined : `token:${user.name}`;

/** Returns the default field manager: the client's program name, as in a kube-apiserver. */
function managerOf(request: FastifyRequest): string {
  const name = request.headers['user-agent']?.split('/')[0]?.slice(0, 128);
  return name === undefined || name === '' ? 'unknown' : name;
}
