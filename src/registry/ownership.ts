import { ApiError, type StatusCause } from '../api/errors.ts';
import { deepEqual } from '../api/json.ts';
import {
  asContainer,
  type Container,
  difference,
  type FieldSet,
  fieldShape,
  intersection,
  isEmpty,
  itemElement,
  itemShape,
  members,
  pathText,
  type Shape,
  union,
  withoutTrees,
} from './fieldset.ts';
import {
  type Comparison,
  compare,
  fieldsOf,
  isSameWriter,
  type Manager,
  presentFields,
  removeGivenUp,
  type Writer,
} from './managers.ts';

/** Fields that nobody owns: those that name the object, and those that the server sets (managedfields' stripSet). */
const nobodys: FieldSet = {
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': {
    'f:name': {},
    'f:generateName': {},
    'f:namespace': {},
    'f:creationTimestamp': {},
    'f:deletionTimestamp': {},
    'f:deletionGracePeriodSeconds': {},
    'f:selfLink': {},
    'f:uid': {},
    'f:generation': {},
    'f:managedFields': {},
    'f:resourceVersion': {},
  },
};

/** Returns the fields of a set that somebody can own. The bare `metadata` field is not one of them. */
export function owned(set: FieldSet): FieldSet {
  const out = withoutTrees(set, nobodys);
  const metadata = out['f:metadata'];
  if (metadata === undefined || !('.' in metadata || isEmpty(metadata))) return out;
  const { '.': _, ...below } = metadata;
  if (!isEmpty(below)) return { ...out, 'f:metadata': below };
  const { 'f:metadata': __, ...rest } = out;
  return rest;
}

/** A write to an object: who owned what before, who writes, and when. */
export interface Write {
  shape: Shape;
  managers: readonly Manager[];
  writer: Writer;
  time: string;
}

/**
 * Removes what a write changed from all managers but the writer. Throws ApiError Conflict if they own it and the apply
 * is not forced.
 */
function takeFrom(
  managers: readonly Manager[],
  writer: Writer,
  { added, modified, removed }: Comparison,
  force: boolean,
): Manager[] {
  const taken = union(added, modified);
  if (!force) {
    const conflicts = managers
      .filter((manager) => !isSameWriter(manager, writer))
      .map((manager) => ({ manager, fields: intersection(manager.fields, taken) }))
      .filter(({ fields }) => !isEmpty(fields));
    if (conflicts.length > 0) throw applyConflict(conflicts);
  }
  const lost = union(taken, removed);
  return managers.map((manager) =>
    isSameWriter(manager, writer) ? manager : { ...manager, fields: difference(manager.fields, lost) },
  );
}

/**
 * Returns who owns what after an object was created, updated or patched. The writer gets what changed, and all others
 * lose it. `sent` is the object before it was defaulted: nobody owns a default.
 */
export function afterUpdate(
  { live, sent, stored }: { live: unknown; sent: unknown; stored: unknown },
  { shape, managers, writer, time }: Write,
): Manager[] {
  const changes = compare(live, stored, shape);
  const others = takeFrom(managers, writer, changes, true).map((manager) =>
    isSameWriter(manager, writer)
      ? { ...manager, fields: difference(manager.fields, changes.removed) }
      : manager,
  );
  const changed = union(changes.added, changes.modified);
  const defaulted = sent === stored ? {} : difference(changed, presentFields(changed, sent, shape));
  const gained = owned(difference(changed, defaulted));
  const before = others.find((manager) => isSameWriter(manager, writer));
  const rest = others.filter((manager) => manager !== before);
  const kept = difference(before?.fields ?? {}, defaulted);
  if (isEmpty(gained)) return before === undefined ? rest : [...rest, { ...before, fields: kept }];
  return [...rest, { ...writer, time, fields: union(kept, gained) }];
}

interface Applied {
  /** `live` itself if the configuration changes nothing. */
  object: unknown;
  /** The given managers themselves if the apply changes nothing. */
  managers: readonly Manager[];
}

/**
 * Server-side apply (structured-merge-diff's Updater.Apply). Merges `config` into `live`, and gives the applier exactly
 * the fields of `config`. Removes the fields that the applier owned before, does not send now, and nobody else owns.
 * Throws ApiError Conflict if another manager owns a field with another value, unless `force`.
 */
export function afterApply(
  { live, config }: { live: unknown; config: unknown },
  { shape, managers, writer, time }: Write,
  force: boolean,
): Applied {
  const before = managers.find((manager) => isSameWriter(manager, writer));
  const fields = owned(fieldsOf(config, shape));
  const sameFields = before !== undefined && deepEqual(before.fields, fields);
  const others = managers.filter((manager) => manager !== before);
  let object = mergeInto(live, config, shape);
  if (before !== undefined && !sameFields) {
    const kept = others.reduce((all, manager) => union(all, manager.fields), union(fields, nobodys));
    object = removeGivenUp(object, shape, before.fields, kept);
  }
  if (object === live && sameFields) return { object, managers };
  const remaining = object === live ? others : takeFrom(others, writer, compare(live, object, shape), force);
  return { object, managers: [...remaining, { ...writer, time, fields }] };
}

interface Conflict {
  manager: Manager;
  fields: FieldSet;
}

function whoText({ manager, operation, apiVersion, subresource, time }: Manager): string {
  const name = JSON.stringify(manager);
  const who = subresource === undefined ? name : `${name} with subresource ${JSON.stringify(subresource)}`;
  if (operation === 'Apply') return who;
  return time === undefined ? `${who} using ${apiVersion}` : `${who} using ${apiVersion} at ${time}`;
}

/** The 409 of a server-side apply, with Kubernetes' message (apimachinery, managedfields NewConflictError). */
export function applyConflict(conflicts: readonly Conflict[]): ApiError {
  const found = conflicts
    .map(({ manager, fields }) => ({ who: whoText(manager), paths: [...members(fields)].map(pathText) }))
    .sort((one, other) => (one.who < other.who ? -1 : 1));
  const causes: StatusCause[] = found.flatMap(({ who, paths }) =>
    paths.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${who}`, field })),
  );
  const text = found.map(({ who, paths }) =>
    causes.length === 1
      ? `conflict with ${who}: ${paths[0]}`
      : [`conflicts with ${who}:`, ...paths.map((path) => `- ${path}`)].join('\n'),
  );
  const count = causes.length === 1 ? '1 conflict' : `${causes.length} conflicts`;
  return new ApiError('Conflict', `Apply failed with ${count}: ${text.join('\n')}`, { details: { causes } });
}

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
