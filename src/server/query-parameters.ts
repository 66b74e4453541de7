import type { FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { parseTime } from '../api/time.ts';
import type { WriteOptions } from '../client/resources.ts';
import type { RegistryListOptions } from '../registry/object.ts';

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
