import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { isObject } from '../api/schema.ts';
import type { DeleteOptions } from '../client/resources.ts';
import { answer } from './answer.ts';
import { type Asked, keyOf } from './asked.ts';
import { hasBody, objectBody } from './body.ts';
import { dryRunOf, listOptions, text } from './query.ts';
import { representation } from './represent.ts';

/** Answers the object, as it was when it went, or as it is while finalizers hold it. */
export async function remove(asked: Asked): Promise<FastifyReply> {
  const { request, reply, info } = asked;
  const form = representation(asked);
  const object = await asked.registry.delete(info.kind, keyOf(asked), deleteOptions(request));
  return answer(request, reply, form.one(object));
}

/** All of the collection that the selectors choose. */
export async function removeCollection(asked: Asked): Promise<FastifyReply> {
  const { request, reply, info, namespace } = asked;
  const form = representation(asked);
  const chosen = { ...listOptions(request), namespace };
  const gone = await asked.registry.deleteCollection(info.kind, chosen, deleteOptions(request));
  return answer(request, reply, form.list(gone));
}

type Policy = NonNullable<DeleteOptions['propagationPolicy']>;
const policies: readonly Policy[] = ['Background', 'Foreground', 'Orphan'];

/** From the body, else from the query. */
function deleteOptions(request: FastifyRequest): DeleteOptions {
  const body = hasBody(request) ? objectBody(request) : {};
  if (body.kind !== undefined && body.kind !== 'DeleteOptions')
    throw new ApiError(
      'BadRequest',
      `the body of a delete request must be DeleteOptions, found ${JSON.stringify(body.kind)}`,
    );
  const asked = body.propagationPolicy ?? text(request, 'propagationPolicy');
  const propagationPolicy = policies.find((policy) => policy === asked);
  if (asked !== undefined && propagationPolicy === undefined)
    throw new ApiError(
      'Invalid',
      `propagationPolicy: Unsupported value: ${JSON.stringify(asked)}: supported values: ${policies.map((policy) => `"${policy}"`).join(', ')}`,
    );
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
