import type { FastifyReply } from 'fastify';
import { readsHost, syncAnnotations, takingOver } from '../api/annotations.ts';
import { ApiError } from '../api/errors.ts';
import { deepEqual, isObject, type JsonObject } from '../api/json.ts';
import { kindInfo } from '../api/kinds.ts';
import type { Sync } from '../api/objects.ts';
import { found, type Patch } from '../client/resources.ts';
import type { AnyResource, RegistryWriteOptions } from '../registry/object.ts';
import { forbidden, mayUse } from './access.ts';
import { answer, representation, warn } from './answer.ts';
import { type Asked, askedText, keyOf, pathKey, text, writeOptions } from './kind-request.ts';
import { objectBody, patchBody, unsupportedPatch } from './request-body.ts';

type Below = Pick<RegistryWriteOptions, 'subresource'>;

export const create = (asked: Asked): Promise<FastifyReply> =>
  written(asked, 201, (options) =>
    asked.registry.create(asked.info.kind, pathKey(asked), objectBody(asked.request), options),
  );

export const update = (asked: Asked, below: Below = {}): Promise<FastifyReply> =>
  written(
    asked,
    200,
    (options) =>
      asked.registry.update(asked.info.kind, keyOf(asked), objectBody(asked.request), {
        ...options,
        ...below,
      }),
    below,
  );

export const patch = (asked: Asked, below: Below = {}): Promise<FastifyReply> =>
  written(
    asked,
    200,
    (options) =>
      asked.registry.patch(asked.info.kind, keyOf(asked), patchOf(asked), { ...options, ...below }),
    below,
  );

/** Returns what was written, with its warnings. */
async function written(
  asked: Asked,
  code: number,
  write: (options: RegistryWriteOptions) => Promise<AnyResource>,
  below: Below = {},
): Promise<FastifyReply> {
  const { request, reply } = asked;
  const form = representation(asked); // refuses an unsupported form before anything is written
  if (below.subresource === undefined)
    await checkReach(asked, () => write({ ...writeOptions(asked.request), dryRun: true }));
  let created = false;
  const onCreated = (): void => {
    created = true;
  };
  const object = await warned(asked, (options) => write({ ...options, onCreated }));
  return answer(request, reply, form.one(object), created ? 201 : code);
}

/** Writes with the options of the query, and sets the response's warnings. */
export async function warned<T>(
  { request, reply }: Asked,
  write: (options: RegistryWriteOptions) => Promise<T>,
): Promise<T> {
  const warnings: string[] = [];
  const written = await write({ ...writeOptions(request), warn: (warning) => void warnings.push(warning) });
  warn(reply, warnings);
  return written;
}

/**
 * Whether a patch of an Instance changes only its finalizers. A Runtime that is gone permanently never removes them
 * (`delete --force`). Permission to delete the Instance is enough for that.
 */
export function isRelease(asked: Asked): boolean {
  if (asked.info.kind !== 'Instance' || asked.request.method !== 'PATCH') return false;
  const { type, body } = patchOf(asked);
  if (type === 'json')
    return body.every(
      (step) =>
        'path' in step && !('from' in step) && /^\/metadata\/finalizers(\/|$)/.test(String(step.path)),
    );
  if (type !== 'merge' || !isObject(body) || !isObject(body.metadata)) return false;
  const { metadata, ...rest } = body;
  const { finalizers, uid: _, resourceVersion: __, ...more } = metadata;
  return finalizers !== undefined && Object.keys(rest).length + Object.keys(more).length === 0;
}

export function patchOf({ request, info }: Asked): Patch {
  const given = patchBody(request);
  if (given.type === 'strategic') return { type: 'merge', body: strategicAsMerge(info.group, given.body) };
  if (given.type === 'apply' && text(request, 'fieldManager') === undefined)
    throw new ApiError(
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    );
  return given;
}

/**
 * kubectl always patches core kinds in this way. Their only lists to merge are in metadata, for which kubectl writes
 * directives ($patch, $setElementOrder, ...). Without directives, both kinds of patch mean the same.
 */
function strategicAsMerge(group: string, body: JsonObject): JsonObject {
  if (group !== '' || hasDirective(body)) throw unsupportedPatch('application/strategic-merge-patch+json');
  return body;
}

const hasDirective = (value: unknown): boolean =>
  isObject(value) && Object.entries(value).some(([name, item]) => name.startsWith('$') || hasDirective(item));

/**
 * A Sync applies its manifests as the controller, which may do everything. So a user who writes the spec of a Sync,
 * approves what it deletes, or lets it take over fields of other managers, needs permission to create each of its
 * allowed kinds, before and after the write. Folders of this host are read with the controller's permissions, and their
 * contents appear in objects and errors, so only admins may use them.
 *
 * @param tried the write as a dry run
 */
async function checkReach(asked: Asked, tried: () => Promise<AnyResource>): Promise<void> {
  const { user } = asked.request;
  const mayCreate = (kind: Sync['spec']['allowedKinds'][number]): boolean =>
    mayUse(user.role, 'create', kindInfo(kind));
  if (asked.info.kind !== 'Sync' || user.role === 'admin') return;
  const before =
    asked.name === undefined
      ? undefined
      : ((await found(asked.registry.get('Sync', keyOf(asked)))) as unknown as Sync | undefined);
  const after = (await tried()) as unknown as Sync; // valid for the route's kind
  if (deepEqual(before?.spec, after.spec) && deepEqual(orders(before), orders(after))) return;
  const kinds = [...(before?.spec.allowedKinds ?? []), ...after.spec.allowedKinds];
  const beyond = [...new Set(kinds.filter((kind) => !mayCreate(kind)))];
  if (beyond.length > 0)
    throw forbidden(user, 'write', `${askedText(asked)} with ${beyond.join(', ')} in spec.allowedKinds`);
  if ([before?.spec, after.spec].some((spec) => spec !== undefined && readsHost(spec)))
    throw forbidden(user, 'write', `${askedText(asked)} with a folder of this host as spec.source`);
}

/**
 * Returns the annotations by which a user lets a Sync do what it would not do by itself. Other annotations at most
 * trigger a look.
 */
function orders(sync: Sync | undefined): readonly (string | undefined)[] {
  const { [syncAnnotations.approved]: approved, [syncAnnotations.requested]: requested } =
    sync?.metadata.annotations ?? {};
  return [approved, requested?.endsWith(takingOver) === true ? requested : undefined];
}
