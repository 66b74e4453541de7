import { asWrittenIn } from '../api/amounts.ts';
import { authorOf } from '../api/annotations.ts';
import { ApiError } from '../api/errors.ts';
import { deepEqual, isObject } from '../api/json.ts';
import type { KindInfo } from '../api/kinds.ts';
import type { ManagedFieldsEntry, ObjectKey } from '../api/objects.ts';
import { formatTime } from '../api/time.ts';
import {
  admitConfiguration,
  admitNew,
  checkPinned,
  defaulted,
  nextAuthor,
  validate,
  warnOf,
  warnOfAuthor,
  withAuthor,
  withoutAuthor,
} from './admit-object.ts';
import { insertNew, replace } from './commit.ts';
import { shapeFor } from './fieldset.ts';
import { encodeManagers, fieldsOf, type Manager, storedManagers } from './managers.ts';
import type { AnyResource, RegistryWriteOptions } from './object.ts';
import { afterApply, owned, type Write } from './ownership.ts';
import { retried } from './records.ts';
import { type Context, withManagers, withoutManagers, writerOf } from './registry-context.ts';
import { badRequest, conflict, notFound, refuseLarge, versionOnNew } from './status-errors.ts';
import { decodeBody } from './write-object.ts';

/**
 * Server-side apply. Creates the object if it does not exist. Throws ApiError Conflict with the fields that other
 * managers own with other values, unless `force`.
 */
export async function apply(
  context: Context,
  info: KindInfo,
  key: ObjectKey,
  body: object,
  options: RegistryWriteOptions,
): Promise<AnyResource> {
  await context.slice.next();
  checkRequest(body, options);
  refuseLarge(body);
  const sent = decodeBody(info, body, key, options);
  const config = admitConfiguration(info, withoutAuthor(sent), options.subresource);
  const target = { namespace: sent.metadata.namespace, name: key.name };
  return retried(async () => {
    const live = await context.records.read(info, target);
    await context.slice.next();
    warnOfAuthor(sent, live === undefined ? options.author : authorOf(live), options);
    if (live !== undefined) {
      checkPinned(info, live, sent);
      return applyTo(context, info, live, config, options);
    }
    if (options.subresource !== undefined) throw notFound(info, key.name);
    const { uid } = sent.metadata;
    if (uid !== undefined && uid !== '') {
      const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
      throw conflict(info, key.name, why);
    }
    if ((sent.metadata.resourceVersion ?? '') !== '') throw badRequest(versionOnNew);
    return createByApply(context, info, key, config, options);
  });
}

function checkRequest(body: object, { fieldManager }: RegistryWriteOptions): void {
  if (fieldManager === undefined || fieldManager === '') {
    throw new ApiError(
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    );
  }
  const metadata = 'metadata' in body ? body.metadata : undefined;
  const managed = isObject(metadata) ? metadata.managedFields : undefined;
  if (Array.isArray(managed) && managed.length > 0) throw badRequest('metadata.managedFields must be nil');
}

async function applyTo(
  context: Context,
  info: KindInfo,
  live: AnyResource,
  config: AnyResource,
  options: RegistryWriteOptions,
): Promise<AnyResource> {
  const before = withoutAuthor(withoutManagers(live));
  const managers = startingManagers(info, before, live.metadata.managedFields);
  const write = writeOf(context, info, managers, options);
  const asked = asWrittenIn(info.schema, config, before);
  const applied = afterApply({ live: before, config: asked }, write, options.force === true);
  if (applied.object === before && applied.managers === managers) return live;
  const object = applied.object as AnyResource; // an AnyResource merged with another one
  const next = object === before ? before : defaulted(info, object);
  if (sameManagers(applied.managers, managers) && deepEqual(next, before)) return live;
  if (next !== before) validate(info, next, live);
  warnOf(info, next, options);
  const author = nextAuthor(info, { live, next, removed: false }, options);
  return replace(context, info, live, withManagers(withAuthor(next, author), applied.managers), options);
}

/**
 * Whether only times differ. An atomic value may be sent without its defaults. Once they are filled in, it can equal
 * the value before.
 */
const sameManagers = (one: readonly Manager[], other: readonly Manager[]): boolean => {
  const timeless = (managers: readonly Manager[]) =>
    encodeManagers(managers.map(({ time: _, ...manager }) => manager)); // this also sorts them
  return deepEqual(timeless(one), timeless(other));
};

/**
 * Protects fields from the first apply that were written before there were field managers (managedfields,
 * skipnonapplied).
 */
function startingManagers(
  info: KindInfo,
  live: AnyResource,
  entries: ManagedFieldsEntry[] | undefined,
): readonly Manager[] {
  const managers = storedManagers(entries);
  if (managers.length > 0) return managers;
  const { status: _, ...rest } = live;
  const fields = owned(fieldsOf(rest, shapeFor(info)));
  return [{ manager: 'before-first-apply', operation: 'Update', apiVersion: info.apiVersion, fields }];
}

function createByApply(
  context: Context,
  info: KindInfo,
  key: ObjectKey,
  config: AnyResource,
  options: RegistryWriteOptions,
): Promise<AnyResource> {
  const write = writeOf(context, info, [], options);
  const server = { name: key.name, uid: context.ids.uid(), creationTimestamp: write.time };
  return insertNew(
    context,
    info,
    admitNew(info, config, server),
    options,
    () => afterApply({ live: {}, config }, write, true).managers,
  );
}

const writeOf = (
  { clock }: Context,
  info: KindInfo,
  managers: readonly Manager[],
  options: RegistryWriteOptions,
): Write => ({
  shape: shapeFor(info),
  managers,
  writer: writerOf(info, 'Apply', options),
  time: formatTime(clock.now()),
});
