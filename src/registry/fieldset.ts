import { isObject, type JsonSchema } from '../api/json.ts';
import type { KindInfo } from '../api/kinds.ts';
import type { Kind } from '../api/objects.ts';

/**
 * A set of fields in Kubernetes' notation FieldsV1: each key is a path element (`f:<field>`, `k:<keys as JSON>`,
 * `v:<value as JSON>`). A node is a member if it is `{}` or has the key `.`; otherwise it only leads to members. The
 * root is never a member, so `{}` is the empty set. Sets are immutable, except for `insert`. By hand, because
 * structured-merge-diff exists only in Go.
 */
export interface FieldSet {
  [element: string]: FieldSet;
}

export const isEmpty = (set: object): boolean => {
  for (const _ in set) return false;
  return true;
};

export const isMember = (node: FieldSet): boolean => '.' in node || isEmpty(node);

/** Nodes that `insert` has given a child. isEmpty would take linear time on a node with thousands of keys. */
const filled = new WeakSet<FieldSet>();

/** Adds the field at `path`. Its parents do not become members. */
export function insert(set: FieldSet, path: readonly string[]): void {
  let node = set;
  for (let depth = 0; depth < path.length; depth += 1) {
    const element = path[depth] ?? '';
    const child = node[element];
    if (depth === path.length - 1) {
      if (child === undefined) node[element] = {};
      else if (!isEmpty(child)) child['.'] = {};
      return;
    }
    if (child === undefined) {
      node = node[element] = {};
    } else {
      if (!filled.has(child) && isEmpty(child)) child['.'] = {};
      node = child;
    }
    filled.add(node);
  }
}

type Keep = (inLeft: boolean, inRight: boolean) => boolean;

function combineNodes(
  left: FieldSet | undefined,
  right: FieldSet | undefined,
  keep: Keep,
): FieldSet | undefined {
  // Only one of the two has this node, so all below is in that one.
  if (left === undefined || right === undefined)
    return keep(left !== undefined, right !== undefined) ? (left ?? right) : undefined;
  const children = combineChildren(left, right, keep);
  const member = keep(isMember(left), isMember(right));
  if (isEmpty(children)) return member ? children : undefined;
  if (member) children['.'] = {};
  return children;
}

function combineChildren(left: FieldSet = {}, right: FieldSet = {}, keep: Keep): FieldSet {
  const out: FieldSet = {};
  const visit = (element: string): void => {
    const child = element === '.' ? undefined : combineNodes(left[element], right[element], keep);
    if (child !== undefined) out[element] = child;
  };
  for (const element of Object.keys(left)) visit(element);
  for (const element of Object.keys(right)) if (left[element] === undefined) visit(element);
  return out;
}

export const union = (left: FieldSet, right: FieldSet): FieldSet =>
  isEmpty(left) ? right : isEmpty(right) ? left : combineChildren(left, right, (a, b) => a || b);

export const intersection = (left: FieldSet, right: FieldSet): FieldSet =>
  isEmpty(left) || isEmpty(right) ? {} : combineChildren(left, right, (a, b) => a && b);

export const difference = (left: FieldSet, right: FieldSet): FieldSet =>
  isEmpty(left) || isEmpty(right) ? left : combineChildren(left, right, (a, b) => a && !b);

/** Removes the fields of `right`, with everything below them. */
export function withoutTrees(left: FieldSet, right: FieldSet): FieldSet {
  const out: FieldSet = {};
  for (const [element, child] of Object.entries(left)) {
    const other = right[element];
    if (other === undefined) out[element] = child;
    else if (!isMember(other)) {
      const { '.': self, ...rest } = withoutTrees(child, other);
      if (!isEmpty(rest)) out[element] = self === undefined ? rest : { ...rest, '.': self };
      else if (isMember(child)) out[element] = {};
    }
  }
  return out;
}

/** Yields the path of each member, in the order of the set. */
export function* members(set: FieldSet, path: readonly string[] = []): Generator<readonly string[]> {
  for (const [element, child] of Object.entries(set)) {
    if (element === '.') continue;
    const here = [...path, element];
    if (isMember(child)) yield here;
    yield* members(child, here);
  }
}

/** Formats a path like Kubernetes' messages: `.spec.env[name="A"].value`, `.metadata.finalizers[="x"]`. */
export const pathText = (path: readonly string[]): string => path.map(elementText).join('');

function elementText(element: string): string {
  const rest = element.slice(2);
  switch (element[0]) {
    case 'k':
      return `[${Object.entries(JSON.parse(rest))
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(',')}]`;
    case 'v':
      return `[=${rest}]`;
    case 'i':
      return `[${rest}]`;
    default:
      return `.${rest}`;
  }
}

/**
 * The parts of a schema that field ownership needs (structured-merge-diff's `schema.Atom`). A leaf is owned and merged
 * as a whole: a scalar, or an atomic list or map.
 */
export type Shape =
  | { type: 'leaf' }
  /** `fields` are those of the schema, and `rest` is the shape of a map's values. */
  | { type: 'map'; fields: ReadonlyMap<string, Shape>; rest: Shape | undefined }
  | { type: 'set' }
  | { type: 'list'; keys: readonly string[]; defaults: Readonly<Record<string, unknown>>; item: Shape };

const leaf: Shape = { type: 'leaf' };

/** For values without a schema: maps are merged key by key, and everything else is a leaf. */
const untyped: Shape = {
  type: 'map',
  fields: new Map(),
  get rest() {
    return untyped;
  },
};

/** Reads x-kubernetes-list-type, -list-map-keys, -map-type and -preserve-unknown-fields. */
export function shapeOf(schema: JsonSchema): Shape {
  if (schema.type === 'array') return listShape(schema);
  if (schema.type !== 'object' || schema['x-kubernetes-map-type'] === 'atomic') return leaf;
  const rest =
    schema.additionalProperties !== undefined
      ? shapeOf(schema.additionalProperties)
      : schema['x-kubernetes-preserve-unknown-fields'] === true
        ? untyped
        : undefined;
  const fields = Object.entries(schema.properties ?? {}).map(
    ([name, field]) => [name, shapeOf(field)] as const,
  );
  return { type: 'map', fields: new Map(fields), rest };
}

function listShape(schema: JsonSchema): Shape {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (schema['x-kubernetes-list-type'] === 'set') return { type: 'set' };
  if (schema['x-kubernetes-list-type'] !== 'map') return leaf;
  const defaults = keys.flatMap((key) => {
    const value = schema.items?.properties?.[key]?.default;
    return value === undefined ? [] : [[key, value]];
  });
  return {
    type: 'list',
    keys: [...keys].sort(),
    defaults: Object.fromEntries(defaults),
    item: shapeOf(schema.items ?? {}),
  };
}

/** Returns the path element of an item; undefined if it has none of the keys, or does not fit the list. */
export function itemElement(
  item: unknown,
  shape: Extract<Shape, { type: 'list' | 'set' }>,
): string | undefined {
  if (shape.type === 'set') return typeof item === 'object' ? undefined : `v:${JSON.stringify(item)}`;
  if (!isObject(item)) return undefined;
  const key: Record<string, unknown> = {};
  let found = false;
  for (const name of shape.keys) {
    const value = item[name] ?? shape.defaults[name];
    if (value === undefined) continue;
    key[name] = value;
    found = true;
  }
  return found ? `k:${JSON.stringify(key)}` : undefined;
}

export type Container =
  | { type: 'map'; shape: Extract<Shape, { type: 'map' }>; value: Record<string, unknown> }
  | { type: 'list'; shape: Extract<Shape, { type: 'list' | 'set' }>; value: readonly unknown[] };

/**
 * Returns the value as a container with children; undefined for a leaf, and for a value that does not fit its shape.
 */
export function asContainer(value: unknown, shape: Shape): Container | undefined {
  if (shape.type === 'leaf') return undefined;
  if (shape.type === 'map') return isObject(value) ? { type: 'map', shape, value } : undefined;
  return Array.isArray(value) ? { type: 'list', shape, value } : undefined;
}

export const fieldShape = (shape: Extract<Shape, { type: 'map' }>, name: string): Shape =>
  shape.fields.get(name) ?? shape.rest ?? leaf;

export const itemShape = (shape: Extract<Shape, { type: 'list' | 'set' }>): Shape =>
  shape.type === 'set' ? leaf : shape.item;

const shapes = new Map<Kind, Shape>();

/** Returns the shape of a kind. Cached. */
export function shapeFor(info: KindInfo): Shape {
  const known = shapes.get(info.kind);
  if (known !== undefined) return known;
  const shape = shapeOf(info.schema);
  shapes.set(info.kind, shape);
  return shape;
}
