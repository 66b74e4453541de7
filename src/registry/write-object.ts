import { asWrittenIn, withTextAmounts } from '../api/amounts.ts';
import { authorAnnotation, authorOf } from '../api/annotations.ts';
import { fieldErrorsToStatus, required } from '../api/field-error.ts';
import { deepEqual, isObject, pathText, valueAt } from '../api/json.ts';
import type { KindInfo } from '../api/kinds.ts';
import { jsonPatch, mergePatch } from '../api/merge.ts';
import type { ManagedFieldsEntry, ObjectKey } from '../api/objects.ts';
import type { Patch } from '../api/requests.ts';
import { prune, unknownFields } from '../api/shape.ts';
import { listed } from '../api/text.ts';
import { formatTime } from '../api/time.ts';
import { StoreError } from '../store/store.ts';
import {
  admitNew,
  admitUpdate,
  checkPinned,
  defaulted,
  nextAuthor,
  validate,
  warnOf,
  warnOfAuthor,
  warnOfTakeOver,
  withAuthor,
  withoutAuthor,
  withStatusDefaults,
} from './admit-object.ts';
import { insertNew, replace } from './commit.ts';
import { shapeFor } from './fieldset.ts';
import { decodeManagers, isReset, type Manager, storedManagers } from './managers.ts';
import type { AnyResource, RegistryWriteOptions } from './object.ts';
import { afterUpdate } from './ownership.ts';
import { retried } from './records.ts';
import { type Context, withManagers, withoutManagers, writerOf } from './registry-context.ts';
import { alreadyExists, badRequest, notFound, refuseLarge, versionOnNew } from './status-errors.ts';

/** Without a resourceVersion, it replaces the object unconditionally. */
export async function update(
  context: Context,
  info: KindInfo,
  key: ObjectKey,
  body: unknown,
  options: RegistryWriteOptions,
): Promise<AnyResource> {
  await context.slice.next();
  const sent = decodeBody(info, body, key, options);
  const target = { namespace: sent.metadata.namespace, name: key.name };
  return retried(async () => {
    const live = await context.records.read(info, target);
    await context.slice.next();
    if (live === undefined) throw notFound(info, key.name);
    if (options.subresource !== 'status') refuseLarge(sent, live);
    return change(context, info, live, sent, { ...options, takesOver: authorOf(sent) === undefined });
  });
}

/**
 * Applies a merge patch or JSON patch. Retries if another write came in between, unless the patch names a
 * resourceVersion.
 */
export function patchInPlace(
  context: Context,
  info: KindInfo,
  key: ObjectKey,
  patch: Exclude<Patch, { type: 'apply' }>,
  options: RegistryWriteOptions,
): Promise<AnyResource> {
  return retried(async () => {
    const live = await context.records.read(info, key);
    await context.slice.next();
    if (live === undefined) throw notFound(info, key.name);
    const patched = patch.type === 'merge' ? mergePatch(live, patch.body) : jsonPatch(live, patch.body);
    if (isObject(patched)) refuseLarge(patched, live);
    if (isObject(patched) && !isObject(patched.metadata))
      throw fieldErrorsToStatus(info, key.name, [
        required(['metadata'], 'an object; a patch cannot remove it'),
      ]);
    const sent = decodeBody(info, patched, key, options);
    return change(context, info, live, sent, { ...options, takesOver: removesAuthor(patch) });
  });
}

/**
 * Whether a patch removes the author's annotation by its name. Removing all annotations does not take the object over.
 */
function removesAuthor(patch: Exclude<Patch, { type: 'apply' }>): boolean {
  if (patch.type === 'merge')
    return valueAt(patch.body, ['metadata', 'annotations', authorAnnotation]) === null;
  const path = `/metadata/annotations/${authorAnnotation.replaceAll('/', '~1')}`;
  return patch.body.some(
    (step) => 'op' in step && step.op === 'remove' && 'path' in step && step.path === path,
  );
}

/** Admits, defaults and validates a change, and gives its fields to the writer. */
async function change(
  context: Context,
  info: KindInfo,
  live: AnyResource,
  sent: AnyResource,
  options: RegistryWriteOptions & { takesOver: boolean },
): Promise<AnyResource> {
  checkPinned(info, live, sent);
  const admitted = asWrittenIn(info.schema, bare(admitUpdate(info, live, sent, options.subresource)), live);
  const { subresource } = options;
  const next = subresource === 'status' ? withStatusDefaults(info, admitted) : defaulted(info, admitted);
  const before = bare(live);
  const author = nextAuthor(info, { live, next, removed: options.takesOver }, options);
  warnOfAuthor(sent, author, options);
  warnOfTakeOver(live, author, options);
  const asked = askedManagers(sent.metadata.managedFields, live.metadata.managedFields, options);
  if (!deepEqual(before, next)) validate(info, next, live, subresource);
  else if (asked === undefined && author === authorOf(live)) return live;
  warnOf(info, next, options);
  const start = asked ?? storedManagers(live.metadata.managedFields);
  const time = formatTime(context.clock.now());
  const writer = writerOf(info, 'Update', options);
  const managers = afterUpdate(
    { live: before, sent: admitted, stored: next },
    { shape: shapeFor(info), managers: start, writer, time },
  );
  return replace(context, info, live, withManagers(withAuthor(next, author), managers), options);
}

/** Returns the object without the fields that only the registry writes. */
const bare = (object: AnyResource): AnyResource => withoutAuthor(withoutManagers(object));

/**
 * A client may write managedFields: `[{}]` empties the list. An absent or invalid list (undefined here) leaves it
 * unchanged.
 */
function askedManagers(
  asked: ManagedFieldsEntry[] | undefined,
  live: ManagedFieldsEntry[] | undefined,
  { subresource }: RegistryWriteOptions,
): Manager[] | undefined {
  if (subresource !== undefined || !Array.isArray(asked) || deepEqual(asked, live)) return undefined;
  if (isReset(asked)) return [];
  const managers = decodeManagers(asked);
  return managers.length === 0 ? undefined : managers;
}

const longestPrefix = 58; // Kubernetes: 63 less the five characters that follow
const attempts = 8; // Kubernetes: maxNameGenerationCreateAttempts

/** Throws ApiError: AlreadyExists, Invalid, BadRequest, or NotFound for a missing namespace. */
export async function create(
  context: Context,
  info: KindInfo,
  key: Partial<ObjectKey>,
  body: unknown,
  options: RegistryWriteOptions,
): Promise<AnyResource> {
  await context.slice.next();
  const given = decodeBody(info, body, key, options);
  refuseLarge(given);
  warnOfAuthor(given, options.author, options);
  const sent = withoutAuthor(given);
  if ((sent.metadata.resourceVersion ?? '') !== '') throw badRequest(versionOnNew);
  const prefix = sent.metadata.generateName ?? '';
  const generated = sent.metadata.name === undefined && prefix !== '';
  for (let attempt = 1; ; attempt++) {
    const name = generated
      ? prefix.slice(0, longestPrefix) + context.ids.suffix()
      : (sent.metadata.name ?? '');
    try {
      return await createNamed(context, info, name, sent, options);
    } catch (error) {
      if (!(error instanceof StoreError && error.code === 'Conflict')) throw error;
      if (!generated || attempt === attempts) {
        const there = await context.records.read(info, { ...sent.metadata, name });
        throw alreadyExists(info, name, there);
      }
    }
  }
}

function createNamed(
  context: Context,
  info: KindInfo,
  name: string,
  sent: AnyResource,
  options: RegistryWriteOptions,
): Promise<AnyResource> {
  const time = formatTime(context.clock.now());
  const admitted = admitNew(info, sent, { name, uid: context.ids.uid(), creationTimestamp: time });
  const writer = writerOf(info, 'Update', options);
  return insertNew(context, info, admitted, options, (stored) =>
    afterUpdate({ live: {}, sent: admitted, stored }, { shape: shapeFor(info), managers: [], writer, time }),
  );
}

/**
 * Returns a sent body as an object of this kind, without unknown fields and without nulls. `key` comes from the
 * request. Throws ApiError BadRequest if the body contradicts it, and for unknown fields if fieldValidation is Strict.
 */
export function decodeBody(
  info: KindInfo,
  body: unknown,
  key: Partial<ObjectKey>,
  { fieldValidation = 'Warn', warn }: RegistryWriteOptions,
): AnyResource {
  if (!isObject(body)) throw badRequest(`expected an object of kind ${info.kind}`);
  expectSame(body.apiVersion, info.apiVersion, 'API version');
  expectSame(body.kind, info.kind, 'kind');
  if (fieldValidation === 'Strict' || (fieldValidation === 'Warn' && warn !== undefined)) {
    const unknown = unknownFields(info.schema, body).map(({ path, suggestion }) => {
      // kubectl parses YAML 1.1, in which an unquoted on is true.
      const meant = path.at(-1) === 'true' ? '"on", in quotes' : suggestion;
      const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`;
      return `unknown field ${JSON.stringify(pathText(path))}${hint}`;
    });
    if (unknown.length > 0 && fieldValidation === 'Strict') {
      throw badRequest(
        `${info.kind} in version "${info.version}" cannot be handled as a ${info.kind}: strict decoding error: ${listed(unknown)}`,
      );
    }
    for (const warning of unknown) warn?.(warning);
  }
  const given = withTextAmounts(info.schema, prune(info.schema, body));
  const { metadata = {}, ...rest } = given as Record<string, unknown>; // it stays an object
  if (!isObject(metadata)) throw badRequest('metadata: expected an object');
  for (const name of ['name', 'generateName', 'namespace', 'uid', 'resourceVersion'] as const) {
    if (metadata[name] !== undefined && typeof metadata[name] !== 'string')
      throw badRequest(`metadata.${name}: expected a string`);
  }
  return {
    ...rest,
    apiVersion: info.apiVersion,
    kind: info.kind,
    // The validation of the whole object reports what else is wrong in it.
    metadata: named(info, metadata, key) as unknown as AnyResource['metadata'],
  };
}

const plain = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function expectSame(found: unknown, expected: string, what: string): void {
  if (found === undefined || found === expected) return;
  throw badRequest(
    `the ${what} in the data (${plain(found)}) does not match the expected ${what} (${expected})`,
  );
}

function named(
  info: KindInfo,
  metadata: Record<string, unknown>,
  key: Partial<ObjectKey>,
): Record<string, unknown> {
  const { name = key.name, namespace = key.namespace, ...rest } = metadata;
  if (key.name !== undefined && name !== key.name) {
    throw badRequest(
      `the name of the object (${plain(name)}) does not match the name on the URL (${key.name})`,
    );
  }
  const identity = name === undefined || name === '' ? {} : { name };
  if (!info.namespaced) return { ...identity, ...(namespace === undefined ? {} : { namespace }), ...rest };
  if (key.namespace !== undefined && namespace !== key.namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  return {
    ...identity,
    namespace: namespace === undefined || namespace === '' ? 'default' : namespace,
    ...rest,
  };
}
