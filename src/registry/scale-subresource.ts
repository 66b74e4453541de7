import { ApiError } from '../api/errors.ts';
import { isObject } from '../api/json.ts';
import type { KindInfo } from '../api/kinds.ts';
import { jsonPatch, mergePatch } from '../api/merge.ts';
import type { ObjectKey } from '../api/objects.ts';
import type { Patch } from '../api/requests.ts';
import type { AnyResource, RegistryWriteOptions } from './object.ts';
import type { Context } from './registry-context.ts';
import { badRequest, notFound } from './status-errors.ts';
import { patchInPlace } from './write-object.ts';

/** autoscaling/v1 Scale. */
export interface Scale {
  kind: 'Scale';
  apiVersion: 'autoscaling/v1';
  metadata: {
    name: string;
    namespace?: string;
    uid: string;
    resourceVersion: string;
    creationTimestamp: string;
  };
  spec: { replicas: number };
  status: { replicas: number; selector?: string };
}

const part = (object: AnyResource, name: 'spec' | 'status'): Record<string, unknown> => {
  const value = object[name];
  return isObject(value) ? value : {};
};

/** Every kind that scales has spec.replicas, status.replicas and status.selector; a test ensures that. */
function scaleOf(object: AnyResource): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const { replicas, selector } = part(object, 'status');
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid,
      resourceVersion,
      creationTimestamp,
    },
    spec: { replicas: Number(part(object, 'spec').replicas ?? 0) },
    status: {
      replicas: Number(replicas ?? 0),
      ...(typeof selector === 'string' ? { selector } : {}),
    },
  };
}

export async function readScale({ records }: Context, info: KindInfo, key: ObjectKey): Promise<Scale> {
  const object = await records.read(info, key);
  if (object === undefined) throw notFound(info, key.name);
  return scaleOf(object);
}

/** `body` is a whole Scale. Its resourceVersion, if present, must be that of the object. */
export async function updateScale(
  context: Context,
  info: KindInfo,
  key: ObjectKey,
  body: unknown,
  options: RegistryWriteOptions,
): Promise<Scale> {
  const { metadata, spec } = isObject(body) ? body : {};
  const replicas = isObject(spec) ? spec.replicas : undefined;
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0)
    throw badRequest('spec.replicas: expected a whole number of at least 0');
  const { resourceVersion, uid } = isObject(metadata) ? metadata : {};
  const pinned = {
    ...(typeof resourceVersion === 'string' && resourceVersion !== '' ? { resourceVersion } : {}),
    ...(typeof uid === 'string' && uid !== '' ? { uid } : {}),
  };
  const patch = { type: 'merge', body: { metadata: pinned, spec: { replicas } } } as const;
  return scaleOf(await patchInPlace(context, info, key, patch, { ...options, subresource: 'scale' }));
}

/** The patch applies to the Scale. */
export async function patchScale(
  context: Context,
  info: KindInfo,
  key: ObjectKey,
  patch: Patch,
  options: RegistryWriteOptions,
): Promise<Scale> {
  const current = await readScale(context, info, key);
  const patched = patchedScale(current, patch);
  return updateScale(context, info, key, patched, options);
}

function patchedScale(scale: Scale, patch: Patch): unknown {
  const { resourceVersion: _, ...metadata } = scale.metadata; // only a patch that names a resourceVersion requires it
  const target = { ...scale, metadata };
  switch (patch.type) {
    case 'merge':
      return mergePatch(target, patch.body);
    case 'json':
      return jsonPatch(target, patch.body);
    case 'apply':
      throw new ApiError(
        'UnsupportedMediaType',
        'the scale subresource supports merge patches and JSON patches, not apply',
      );
    default:
      return patch satisfies never;
  }
}
