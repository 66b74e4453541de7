import { isObject, type JsonSchema } from '../api/json.ts';
import type { KindInfo } from '../api/kinds.ts';
import type { Kind } from '../api/objects.ts';

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
