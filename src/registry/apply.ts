import { asWrittenIn } from '../api/amounts.ts';
import { authorOf } from '../api/author.ts';
import { deepEqual } from '../api/equal.ts';
import { ApiError } from '../api/errors.ts';
import type { KindInfo } from '../api/kinds.ts';
import type { ManagedFieldsEntry, ObjectKey } from '../api/objects.ts';
import { isObject } from '../api/schema.ts';
import { formatTime } from '../api/time.ts';
import { admitConfiguration, admitNew, checkPinned, defaulted, validate, warnOf } from './admit.ts';
import { nextAuthor, warnOfAuthor, withAuthor, withoutAuthor } from './author.ts';
import { insertNew, replace } from './commit.ts';
import { type Context, withManagers, withoutManagers, writerOf } from './context.ts';
import { decodeBody } from './decode.ts';
import { badRequest, conflict, notFound, refuseLarge, versionOnNew } from './errors.ts';
import { encodeManagers, type Manager, storedManagers } from './managers.ts';
import type { AnyResource, RegistryWriteOptions } from './object.ts';
import { afterApply, owned, type Write } from './ownership.ts';
import { retried } from './records.ts';
import {
  asContainer,
  type Container,
  fieldShape,
  itemElement,
  itemShape,
  type Shape,
  shapeFor,
} from './shape.ts';
import { fieldsOf } from './structure.ts';

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
  await context.turns.next();
  checkRequest(body, options);
  refuseLarge(body);
  const sent = decodeBody(info, body, key, options);
  const config = admitConfiguration(info, withoutAuthor(sent), options.subresource);
  const target = { namespace: sent.metadata.namespace, name: key.name };
  return retried(async () => {
    const live = await context.records.read(info, target);
    await context.turns.next();
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

type ListContainer = Extract<Container, { type: 'list' }>;

/**
 * Merges the applied configuration into the live object, by structured-merge-diff's rules: maps by key, map lists by
 * their items' keys, sets as unions, and leaves as a whole. Returns `live` itself if nothing changes.
 */
export function mergeInto(live: unknown, applied: unknown, shape: Shape): unknown {
  if (applied === undefined || live === applied) return live;
  if (live === undefined) return applied;
  const [before, after] = [asContainer(live, shape), asContainer(applied, shape)];
  if (before?.type === 'map' && after?.type === 'map') {
    let out: Record<string, unknown> | undefined;
    for (const [name, value] of Object.entries(after.value)) {
      const old = before.value[name];
      const merged = mergeInto(old, value, fieldShape(after.shape, name));
      if (merged === old && Object.hasOwn(before.value, name)) continue;
      out ??= { ...before.value };
      out[name] = merged;
    }
    return out ?? live;
  }
  if (before?.type === 'list' && after?.type === 'list') {
    if (before.value.length === 0 && after.value.length === 0) return live;
    return mergeLists(before, after);
  }
  return deepEqual(live, applied) ? live : applied;
}

interface Item {
  element: string;
  value: unknown;
}

/** Validation refuses items without a key. Here each of them gets a path element of its own. */
const itemsOf = (list: ListContainer): Item[] =>
  list.value.map((value, index) => ({
    element: itemElement(value, list.shape) ?? `i:${index}`,
    value,
  }));

/**
 * Items of both lists are in the order of the applied list. Items of the live list alone stay next to their neighbors.
 */
function mergeLists(live: ListContainer, applied: ListContainer): readonly unknown[] {
  const [left, right] = [itemsOf(live), itemsOf(applied)];
  const inLeft = new Map(left.map(({ element, value }) => [element, value]));
  const inRight = new Set(right.map(({ element }) => element));
  const shared = right.map(({ element }) => element).filter((element) => inLeft.has(element));
  const done = new Set<string>();
  const out: unknown[] = [];
  const shape = itemShape(live.shape);
  let [l, r, next] = [0, 0, 0];
  while (l < left.length || r < right.length) {
    const [ours, theirs] = [left[l], right[r]];
    if (ours !== undefined && theirs !== undefined && ours.element !== theirs.element) {
      const wanted = shared[next];
      if (inRight.has(ours.element) && wanted !== undefined && wanted !== ours.element) {
        l += 1; // in both lists: the applied list decides its position
        continue;
      }
    }
    if (ours !== undefined && !inRight.has(ours.element)) {
      out.push(ours.value);
      l += 1;
      continue;
    }
    if (ours !== undefined && (done.has(ours.element) || ours.element === theirs?.element)) l += 1;
    if (theirs === undefined) continue;
    done.add(theirs.element);
    out.push(mergeInto(inLeft.get(theirs.element), theirs.value, shape));
    r += 1;
    if (shared[next] === theirs.element) next += 1;
  }
  const same = out.length === live.value.length && out.every((item, index) => item === live.value[index]);
  return same ? live.value : out;
}
