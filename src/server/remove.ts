import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError, isApiError } from '../api/errors.ts';
import type { AnyObject } from '../api/objects.ts';
import { isObject } from '../api/schema.ts';
import type { DeleteOptions } from '../client/resources.ts';
import { answer } from './answer.ts';
import { hasBody, objectBody } from './body.ts';
import type { Parts } from './parts.ts';
import { dryRunOf, listOptions, text } from './query.ts';
import { representation } from './represent.ts';
import { keyOfTarget, type Target } from './target.ts';

/** Answers the object, as it was when it went, or as it is while finalizers hold it. */
export async function remove(
  parts: Parts,
  target: Target,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const form = representation(request, target.info, parts.clock.now);
  const object = await parts.resources.delete(target.info.kind, keyOfTarget(target), deleteOptions(request));
  return answer(request, reply, form.one(object));
}

/** Each object of the collection that the selectors choose, one after the other. */
export async function removeAll(
  parts: Parts,
  target: Target,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const form = representation(request, target.info, parts.clock.now);
  const options = deleteOptions(request);
  const { kind, namespaced } = target.info;
  const { items, metadata } = await parts.resources.list(kind, {
    ...listOptions(request),
    namespace: target.namespace,
    resourceVersion: undefined,
  });
  const gone: AnyObject[] = [];
  for (const {
    metadata: { name, namespace },
  } of items) {
    const key = namespaced && namespace !== undefined ? { namespace, name } : { name };
    try {
      gone.push(await parts.resources.delete(kind, key, options));
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error; // another one was faster
    }
  }
  return answer(request, reply, form.list({ items: gone, metadata }));
}

const policies: readonly unknown[] = ['Background', 'Foreground', 'Orphan'];

/** From the body, else from the query. */
function deleteOptions(request: FastifyRequest): DeleteOptions {
  const body = hasBody(request) ? objectBody(request) : {};
  if (body.kind !== undefined && body.kind !== 'DeleteOptions')
    throw new ApiError(
      'BadRequest',
      `the body of a delete must be DeleteOptions, not ${JSON.stringify(body.kind)}`,
    );
  const policy = body.propagationPolicy ?? text(request, 'propagationPolicy');
  if (policy !== undefined && !policies.includes(policy))
    throw new ApiError(
      'Invalid',
      `propagationPolicy: Unsupported value: ${JSON.stringify(policy)}: supported values: "Background", "Foreground", "Orphan"`,
    );
  const { uid, resourceVersion } = isObject(body.preconditions) ? body.preconditions : {};
  return {
    dryRun: dryRunOf(request, body.dryRun),
    preconditions: {
      uid: optionalText('uid', uid),
      resourceVersion: optionalText('resourceVersion', resourceVersion),
    },
    propagationPolicy: (policy ??
      (body.orphanDependents === true ? 'Orphan' : undefined)) as DeleteOptions['propagationPolicy'], // checked above
  };
}

function optionalText(field: string, value: unknown): string | undefined {
  if (value === undefined || value === null || typeof value === 'string') return value ?? undefined;
  throw new ApiError('BadRequest', `preconditions.${field} must be a string`);
}
