import { deepEqual, isObject } from '../api/json.ts';
import type { ManagedFieldsEntry } from '../api/objects.ts';
import { isTime } from '../api/time.ts';
import {
  asContainer,
  type FieldSet,
  fieldShape,
  insert,
  isEmpty,
  isMember,
  itemElement,
  itemShape,
  type Shape,
  union,
} from './fieldset.ts';

/** The writer, and how it writes. Together with `fields` and `time`, an entry of managedFields. */
export interface Writer {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  subresource?: string | undefined;
}

export interface Manager extends Writer {
  time?: string | undefined;
  fields: FieldSet;
}

/** Whether both are the same manager. The API version matters only for updates. */
export const isSameWriter = (one: Writer, other: Writer): boolean =>
  one.manager === other.manager &&
  one.operation === other.operation &&
  one.subresource === other.subresource &&
  (one.operation === 'Apply' || one.apiVersion === other.apiVersion);

/** Converts the entries of a stored object, which encodeManagers wrote. */
export const storedManagers = (entries: readonly ManagedFieldsEntry[] | undefined): Manager[] =>
  (entries ?? []).map(({ fieldsV1, fieldsType: _, ...entry }) => ({ ...entry, fields: fieldsV1 }) as Manager);

/** Converts entries that a client sent. Invalid entries are dropped, as in Kubernetes. */
export function decodeManagers(entries: readonly ManagedFieldsEntry[] | undefined): Manager[] {
  return (entries ?? []).flatMap((entry: unknown) => {
    if (!isObject(entry)) return [];
    const { manager = '', operation, apiVersion = '', subresource, time, fieldsV1 } = entry;
    if (operation !== 'Apply' && operation !== 'Update') return [];
    if (typeof manager !== 'string' || typeof apiVersion !== 'string' || !isFieldSet(fieldsV1)) return [];
    return [
      {
        manager,
        operation,
        apiVersion,
        ...(typeof subresource === 'string' ? { subresource } : {}),
        ...(typeof time === 'string' && isTime(time) ? { time } : {}),
        fields: fieldsV1,
      },
    ];
  });
}

function isFieldSet(value: unknown): value is FieldSet {
  return (
    isObject(value) &&
    Object.entries(value).every(
      ([element, child]) => (element === '.' || /^[fkvi]:/.test(element)) && isFieldSet(child),
    )
  );
}

const mostUpdaters = 10; // managedfields: DefaultMaxUpdateManagers

/**
 * Merges the oldest update managers if there are too many. Otherwise new names would make the list grow without limit.
 */
function capped(managers: readonly Manager[]): readonly Manager[] {
  const updaters = managers.filter(({ operation }) => operation === 'Update');
  if (updaters.length <= mostUpdaters) return managers;
  const byAge = updaters.toSorted((one, other) => order(one.time ?? '', other.time ?? ''));
  const oldest = byAge.slice(0, updaters.length - mostUpdaters + 1);
  const fields = oldest.reduce((all, manager) => union(all, manager.fields), {});
  const { apiVersion = '', time } = oldest.at(-1) ?? {};
  return [
    ...managers.filter((manager) => !oldest.includes(manager)),
    { manager: 'ancient-changes', operation: 'Update', apiVersion, time, fields },
  ];
}

/** Sorts like Kubernetes: Apply first, then by time, name, version and subresource. An empty set gets no entry. */
export function encodeManagers(managers: readonly Manager[]): ManagedFieldsEntry[] {
  return capped(managers.filter(({ fields }) => !isEmpty(fields)))
    .map(({ manager, operation, apiVersion, subresource, time, fields }) => ({
      manager,
      operation,
      apiVersion,
      ...(time === undefined ? {} : { time }),
      fieldsType: 'FieldsV1',
      fieldsV1: fields,
      ...(subresource === undefined ? {} : { subresource }),
    }))
    .sort(
      (one, other) =>
        order(one.operation, other.operation) ||
        order(one.time ?? '', other.time ?? '') ||
        order(one.manager, other.manager) ||
        order(one.apiVersion, other.apiVersion) ||
        order(one.subresource ?? '', other.subresource ?? ''),
    );
}

const order = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

/** Whether a client sent `[{}]`, which empties the list. */
export const isReset = (entries: readonly ManagedFieldsEntry[] | undefined): boolean =>
  entries?.length === 1 && isObject(entries[0]) && isEmpty(entries[0]);

/** A child of a map or list: its path element, its value, and how it is merged. */
interface Child {
  element: string;
  value: unknown;
  shape: Shape;
  /** Whether it is a field of the schema. Otherwise it is a map's key or a list's item. */
  named: boolean;
}

/** Returns the children of a value that is not merged as a whole; undefined for a leaf. */
function childrenOf(value: unknown, shape: Shape): Child[] | undefined {
  const container = asContainer(value, shape);
  if (container === undefined) return undefined;
  if (container.type === 'map') {
    const { shape, value } = container;
    return Object.keys(value).map((name) => ({
      element: `f:${name}`,
      value: value[name],
      shape: fieldShape(shape, name),
      named: shape.fields.has(name),
    }));
  }
  const item = itemShape(container.shape);
  return container.value.flatMap((value) => {
    const element = itemElement(value, container.shape);
    return element === undefined ? [] : [{ element, value, shape: item, named: false }];
  });
}

/**
 * Returns the fields of an applied configuration, like structured-merge-diff's ToFieldSet: leaves, items, keys of maps,
 * and empty values. Unlike there, an empty set or map list counts too. Otherwise the second apply of the same
 * configuration would first remove such a list and then add it again.
 */
export function fieldsOf(value: unknown, shape: Shape): FieldSet {
  const out: FieldSet = {};
  for (const child of childrenOf(value, shape) ?? []) {
    const container = asContainer(child.value, child.shape);
    const below = container === undefined ? {} : fieldsOf(child.value, child.shape);
    const member = container === undefined || !child.named || isEmpty(container.value);
    if (isEmpty(below)) {
      if (member) out[child.element] = below;
      continue;
    }
    if (member) below['.'] = {};
    out[child.element] = below;
  }
  return out;
}

/** Returns the members of a set that an object has. */
export function presentFields(set: FieldSet, value: unknown, shape: Shape): FieldSet {
  const out: FieldSet = {};
  for (const { element, value: child, shape: childShape } of childrenOf(value, shape) ?? []) {
    const node = set[element];
    if (node === undefined) continue;
    const below = presentFields(node, child, childShape);
    const member = isMember(node);
    if (isEmpty(below) && !member) continue;
    if (member && !isEmpty(below)) below['.'] = {};
    out[element] = below;
  }
  return out;
}

export interface Comparison {
  added: FieldSet;
  modified: FieldSet;
  removed: FieldSet;
}

/** Compares two objects field by field. Each field is in one of the sets at most. */
export function compare(before: unknown, after: unknown, shape: Shape): Comparison {
  const out: Comparison = { added: {}, modified: {}, removed: {} };
  compareAt(before, after, shape, [], out);
  return out;
}

/** `path` is one shared list: a step is added and removed again. */
function compareAt(before: unknown, after: unknown, shape: Shape, path: string[], out: Comparison): void {
  if (before === after) return;
  const [old, now] = [asContainer(before, shape), asContainer(after, shape)];
  const isMixed = (before !== undefined && old === undefined) || (after !== undefined && now === undefined);
  let isLeaf = true; // an empty container counts as a leaf, which distinguishes it from an absent one
  const below = (element: string, was: unknown, is: unknown, shape: Shape): void => {
    isLeaf = false;
    path.push(element);
    compareAt(was, is, shape, path, out);
    path.pop();
  };
  if (shape.type === 'map') {
    // Most values are maps. No list of their children is created, to save time.
    const was = old?.type === 'map' ? old.value : {};
    const is = now?.type === 'map' ? now.value : {};
    for (const name of Object.keys(is))
      below(`f:${name}`, Object.hasOwn(was, name) ? was[name] : undefined, is[name], fieldShape(shape, name));
    for (const name of Object.keys(was))
      if (!Object.hasOwn(is, name)) below(`f:${name}`, was[name], undefined, fieldShape(shape, name));
  } else if (shape.type !== 'leaf') {
    const earlier = new Map(childrenOf(before, shape)?.map((child) => [child.element, child]));
    for (const child of childrenOf(after, shape) ?? []) {
      const value = earlier.get(child.element)?.value;
      earlier.delete(child.element);
      below(child.element, value, child.value, child.shape);
    }
    for (const child of earlier.values()) below(child.element, child.value, undefined, child.shape);
  }
  if (path.length === 0) return;
  if (before === undefined) insert(out.added, path);
  else if (after === undefined) insert(out.removed, path);
  else if ((isMixed || isLeaf) && !deepEqual(before, after)) insert(out.modified, path);
}

/**
 * Whether an element of the set stands for the whole child: as a member, or as a field of the schema that has members.
 */
const covers = (node: FieldSet | undefined, named: boolean): boolean =>
  node !== undefined && (named || isMember(node));

/**
 * Returns the object without the fields that the manager owned before (`last`) and nobody owns now (`kept`), like
 * structured-merge-diff's prune. Returns the same value if nothing is removed.
 */
export function removeGivenUp(value: unknown, shape: Shape, last: FieldSet, kept: FieldSet): unknown {
  const children = childrenOf(value, shape);
  if (children === undefined) return value;
  const gone = new Set<string>();
  const changed = new Map<string, unknown>();
  for (const { element, value: child, shape: childShape, named } of children) {
    const node = last[element];
    if (node === undefined) continue;
    if (covers(node, named) && !covers(kept[element], named)) {
      gone.add(element);
      continue;
    }
    const rest = removeGivenUp(child, childShape, node, kept[element] ?? {});
    if (rest !== child) changed.set(element, rest);
  }
  if (gone.size === 0 && changed.size === 0) return value;
  if (isObject(value)) {
    return Object.fromEntries(
      children
        .filter(({ element }) => !gone.has(element))
        .map(({ element, value }) => [element.slice(2), changed.get(element) ?? value]),
    );
  }
  return children
    .filter(({ element }) => !gone.has(element))
    .map(({ element, value }) => changed.get(element) ?? value);
}
