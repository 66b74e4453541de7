import type { KindInfo } from '../api/kinds.ts';
import type { Kind } from '../api/objects.ts';
import { isObject, type JsonSchema } from '../api/schema.ts';

/**
 * What field ownership needs of a schema (structured-merge-diff's `schema.Atom`). A leaf is owned and merged as a whole:
 * a scalar, or a list or map that is atomic.
 */
export type Shape =
  | { type: 'leaf' }
  /** `fields` are those of the schema, `rest` are the values of a map. */
  | { type: 'map'; fields: ReadonlyMap<string, Shape>; rest: Shape | undefined }
  | { type: 'set' }
  | { type: 'list'; keys: readonly string[]; defaults: Readonly<Record<string, unknown>>; item: Shape };

const leaf: Shape = { type: 'leaf' };

/** Where a schema says nothing: maps are merged key by key, all else is a leaf. */
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

/** The path element of an item; undefined where an item has none of the keys, or is not of the list's form. */
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

/** The value as something to go down into; undefined for a leaf, and for what is not of its shape. */
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

/** The shape of a kind, read from its schema once. */
export function shapeFor(info: KindInfo): Shape {
  const known = shapes.get(info.kind);
  if (known !== undefined) return known;
  const shape = shapeOf(info.schema);
  shapes.set(info.kind, shape);
  return shape;
}
