import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import type { ScalePaths } from '../api/kinds.ts';
import type { AnyObject } from '../api/objects.ts';
import { isObject } from '../api/schema.ts';
import { answer } from './answer.ts';
import { objectBody, patchBody } from './body.ts';
import { compilePath } from './cell.ts';
import type { Parts } from './parts.ts';
import { writeOptions } from './query.ts';
import { keyOfTarget, type Target } from './target.ts';

/** `Scale` of autoscaling/v1: the replicas of an object, whatever its kind calls them. */
function scaleOf(object: AnyObject, paths: ScalePaths): object {
  const read = (path: string): unknown => compilePath(path)(object);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: read(paths.specReplicasPath) ?? 0 },
    status: { replicas: read(paths.statusReplicasPath) ?? 0, selector: read(paths.labelSelectorPath) },
  };
}

export async function getScale(
  parts: Parts,
  target: Target,
  request: FastifyRequest,
  reply: FastifyReply,
  paths: ScalePaths,
): Promise<FastifyReply> {
  const object = await parts.resources.get(target.info.kind, keyOfTarget(target));
  return answer(request, reply, scaleOf(object, paths));
}

/** A Scale as a whole, or a merge patch of one. With a resourceVersion: Conflict unless it is the newest. */
export async function setScale(
  parts: Parts,
  target: Target,
  request: FastifyRequest,
  reply: FastifyReply,
  paths: ScalePaths,
): Promise<FastifyReply> {
  const body = request.method === 'PUT' ? objectBody(request) : scalePatch(request);
  const replicas = isObject(body.spec) ? body.spec.replicas : undefined;
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0)
    throw new ApiError(
      'Invalid',
      `spec.replicas: Invalid value: ${JSON.stringify(replicas)}: must be a whole number from 0 on`,
    );
  const version = isObject(body.metadata) ? body.metadata.resourceVersion : undefined;
  const patch = {
    type: 'merge',
    body: {
      ...(typeof version === 'string' && version !== '' ? { metadata: { resourceVersion: version } } : {}),
      spec: { replicas },
    },
  } as const;
  const object = await parts.resources.patch(target.info.kind, keyOfTarget(target), patch, {
    ...writeOptions(request),
    subresource: 'scale',
  });
  return answer(request, reply, scaleOf(object, paths));
}

function scalePatch(request: FastifyRequest): Record<string, unknown> {
  const patch = patchBody(request);
  if (patch.type !== 'json') return patch.body;
  const replicas = patch.body.find((step) => 'path' in step && step.path === '/spec/replicas');
  if (patch.body.length === 1 && replicas !== undefined && 'value' in replicas)
    return { spec: { replicas: replicas.value } };
  throw new ApiError('BadRequest', 'a JSON patch of a scale may set /spec/replicas and nothing else');
}
