import { asWrittenIn } from '../api/amounts.ts';
import { authorAnnotation, authorOf } from '../api/annotations.ts';
import { fieldErrorsToStatus, required } from '../api/field-error.ts';
import { deepEqual, isObject, valueAt } from '../api/json.ts';
import type { KindInfo } from '../api/kinds.ts';
import { jsonPatch, mergePatch } from '../api/merge.ts';
import type { ManagedFieldsEntry, ObjectKey } from '../api/objects.ts';
import type { Patch } from '../api/requests.ts';
import { formatTime } from '../api/time.ts';
import { admitUpdate, checkPinned, defaulted, validate, warnOf, withStatusDefaults } from './admit-object.ts';
import { nextAuthor, warnOfAuthor, warnOfTakeOver, withAuthor, withoutAuthor } from './author-stamp.ts';
import { replace } from './commit.ts';
import { decodeBody } from './decode.ts';
import { shapeFor } from './field-shape.ts';
import { decodeManagers, isReset, type Manager, storedManagers } from './managers.ts';
import type { AnyResource, RegistryWriteOptions } from './object.ts';
import { afterUpdate } from './ownership.ts';
import { retried } from './records.ts';
import { type Context, withManagers, withoutManagers, writerOf } from './registry-context.ts';
import { notFound, refuseLarge } from './status-errors.ts';

/** Without a resourceVersion, it replaces the object unconditionally. */
export async function update(
  context: Context,
  info: KindInfo,
  key: ObjectKey,
  body: unknown,
  options: RegistryWriteOptions,
): Promise<AnyResource> {
  await context.turns.next();
  const sent = decodeBody(info, body, key, options);
  const target = { namespace: sent.metadata.namespace, name: key.name };
  return retried(async () => {
    const live = await context.records.read(info, target);
    await context.turns.next();
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
    await context.turns.next();
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
