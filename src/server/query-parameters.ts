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

export function listOptions(request: FastifyRequest): RegistryListOptions {
  const match = text(request, 'resourceVersionMatch');
  if (match !== undefined && match !== 'Exact' && match !== 'NotOlderThan')
    throw new ApiError(
      'Invalid',
      `resourceVersionMatch: Unsupported value: ${JSON.stringify(match)}: supported values: "Exact", "NotOlderThan"`,
    );
  return {
    labelSelector: text(request, 'labelSelector'),
    fieldSelector: text(request, 'fieldSelector'),
    limit: number(request, 'limit'),
    continue: text(request, 'continue'),
    resourceVersion: text(request, 'resourceVersion'),
    resourceVersionMatch: match,
  };
}

/** Only `All` is a valid value. `given` is the value from the body of a delete. */
export function dryRunOf(request: FastifyRequest, given?: unknown): boolean {
  const values = [given ?? queryOf(request).dryRun ?? []].flat();
  for (const value of values) {
    if (value !== 'All')
      throw new ApiError(
        'Invalid',
        `dryRun: Unsupported value: ${JSON.stringify(value)}: supported values: "All"`,
      );
  }
  return values.length > 0;
}

export function writeOptions(request: FastifyRequest): WriteOptions {
  const fieldValidation = text(request, 'fieldValidation') ?? 'Warn';
  if (fieldValidation !== 'Strict' && fieldValidation !== 'Warn' && fieldValidation !== 'Ignore')
    throw new ApiError(
      'Invalid',
      `fieldValidation: Unsupported value: "${fieldValidation}": supported values: "Ignore", "Strict", "Warn"`,
    );
  return {
    dryRun: dryRunOf(request),
    fieldManager: text(request, 'fieldManager') ?? managerOf(request),
    fieldValidation,
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
