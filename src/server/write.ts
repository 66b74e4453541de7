import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import type { AnyObject } from '../api/objects.ts';
import { isObject, type JsonObject } from '../api/schema.ts';
import type { Patch } from '../client/resources.ts';
import { answer, warn } from './answer.ts';
import { objectBody, patchBody, unsupportedPatch } from './body.ts';
import type { Parts, Told } from './parts.ts';
import { text, writeOptions } from './query.ts';
import { representation } from './represent.ts';
import { keyOfTarget, type Target } from './target.ts';

type Write<Options> = (
  parts: Parts,
  target: Target,
  request: FastifyRequest,
  reply: FastifyReply,
  options: Options,
) => Promise<FastifyReply>;

export const create: Write<object> = (parts, target, request, reply) =>
  written(parts, target, request, reply, 201, (told) => {
    const body = bodyOf(target, objectBody(request));
    return parts.resources.create(target.info.kind, body, { ...writeOptions(request), ...told });
  });

export const update: Write<{ subresource?: 'status' }> = (parts, target, request, reply, options) =>
  written(parts, target, request, reply, 200, (told) => {
    const body = bodyOf(target, objectBody(request));
    return parts.resources.update(target.info.kind, body, { ...writeOptions(request), ...told, ...options });
  });

export const patch: Write<{ subresource?: 'status' }> = (parts, target, request, reply, options) =>
  written(parts, target, request, reply, 200, (told) =>
    parts.resources.patch(target.info.kind, keyOfTarget(target), patchOf(target, request), {
      ...writeOptions(request),
      ...told,
      ...options,
    }),
  );

/** Answers what was written, with its warnings; 201 where it is new. */
async function written(
  parts: Parts,
  target: Target,
  request: FastifyRequest,
  reply: FastifyReply,
  code: number,
  write: (told: Told) => Promise<AnyObject>,
): Promise<FastifyReply> {
  const form = representation(request, target.info, parts.clock.now);
  const warnings: string[] = [];
  let created = false;
  const object = await write({
    onWarning: (warning) => warnings.push(warning),
    onCreated: () => {
      created = true;
    },
  });
  warn(reply, warnings);
  return answer(request, reply, form.one(object), created ? 201 : code);
}

/** The kind, name and namespace that the path says may be left out of the body, but not contradicted. */
function bodyOf({ info, namespace, name }: Target, body: JsonObject): never {
  const metadata = isObject(body.metadata) ? body.metadata : {};
  const must = (field: string, found: unknown, expected: string | undefined): void => {
    if (found !== undefined && found !== '' && expected !== undefined && found !== expected)
      throw new ApiError(
        'BadRequest',
        `${field} in the body is ${JSON.stringify(found)}, but the request's path says ${JSON.stringify(expected)}`,
      );
  };
  must('apiVersion', body.apiVersion, info.apiVersion);
  must('kind', body.kind, info.kind);
  must('metadata.namespace', metadata.namespace, namespace);
  must('metadata.name', metadata.name, name);
  const whole = {
    ...body,
    apiVersion: info.apiVersion,
    kind: info.kind,
    metadata: {
      ...metadata,
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name }),
    },
  };
  return whole as never; // not checked yet: the registry validates every object
}

function patchOf(target: Target, request: FastifyRequest): Patch {
  const given = patchBody(request);
  switch (given.type) {
    case 'merge':
      return given;
    case 'json':
      return given;
    case 'apply':
      if (text(request, 'fieldManager') === undefined)
        throw new ApiError('Invalid', 'fieldManager: Required value: is required for apply patch');
      return { type: 'apply', body: bodyOf(target, given.body) };
    case 'strategic':
      return { type: 'merge', body: strategicAsMerge(target, given.body) };
  }
}

/**
 * kubectl patches core kinds so, whatever it is told. They have no lists to merge but metadata's, for which it writes
 * directives ($patch, $setElementOrder, ...); without any of these the two sorts of patch mean the same.
 */
function strategicAsMerge({ info }: Target, body: JsonObject): JsonObject {
  if (info.group !== '' || hasDirective(body))
    throw unsupportedPatch('application/strategic-merge-patch+json');
  return body;
}

const hasDirective = (value: unknown): boolean =>
  isObject(value) && Object.entries(value).some(([name, item]) => name.startsWith('$') || hasDirective(item));
