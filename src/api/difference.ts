/** Compares two objects, field by field. */
import { isSameAmount } from './amounts.ts';
import { withDefaults } from './defaults.ts';
import { deepEqual } from './equal.ts';
import type { Path } from './path.ts';
import { childSchema, isObject, type JsonObject, type JsonSchema, type UpdateClass } from './schema.ts';

export interface FieldDifference {
  /** An entry of a map list is named by its keys: `env[name=HOME]`. */
  path: Path;
  /** undefined if the field is absent. */
  before: unknown;
  after: unknown;
}

/**
 * Returns the differences between two values of one schema. An absent field equals its default, an empty list, and an
 * object that has only defaults. Two texts for the same amount are equal. Map lists are compared by their keys, sets
 * without their order, and other lists as a whole.
 */
export function difference(
  schema: JsonSchema,
  before: unknown,
  after: unknown,
  path: Path = [],
): FieldDifference[] {
  if (before === after) return [];
  const one = before ?? schema.default;
  const other = after ?? schema.default;
  const whole = [{ path, before: before ?? undefined, after: after ?? undefined }];
  if (isObject(one) && isObject(other)) return inObjects(schema, one, other, path);
  if (isList(one) && isList(other)) {
    if (schema['x-kubernetes-list-type'] === 'map') return inMapLists(schema, one ?? [], other ?? [], path);
    return sameList(schema, one ?? [], other ?? []) ? [] : whole;
  }
  if (isObject(one ?? other) && (one === undefined || other === undefined)) {
    const empty = withDefaults(schema, {});
    const inside = inObjects(schema, isObject(one) ? one : empty, isObject(other) ? other : empty, path);
    return inside.length === 0 ? [] : whole;
  }
  return deepEqual(one, other) || isSameAmount(schema, one, other) ? [] : whole;
}

const isList = (value: unknown): value is readonly unknown[] | undefined =>
  value === undefined || Array.isArray(value);

function inObjects(schema: JsonSchema, before: JsonObject, after: JsonObject, path: Path): FieldDifference[] {
  const alternatives = new Set(schema.oneOf?.flatMap((branch) => branch.required));
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => {
    const here = [...path, name];
    const one = Object.hasOwn(before, name) ? before[name] : undefined;
    const other = Object.hasOwn(after, name) ? after[name] : undefined;
    const chosen = alternatives.has(name) && (one === undefined) !== (other === undefined);
    if (chosen) return [{ path: here, before: one, after: other }]; // its presence alone is a choice
    const child = childSchema(schema, name) ?? {};
    return difference(child, one, other, here);
  });
}

function inMapLists(
  schema: JsonSchema,
  before: readonly unknown[],
  after: readonly unknown[],
  path: Path,
): FieldDifference[] {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const items = schema.items ?? {};
  const one = byKeys(items, keys, before);
  const other = byKeys(items, keys, after);
  const names = new Set([...one.keys(), ...other.keys()]);
  return [...names].flatMap((name) => {
    const here = [...path, name];
    const was = one.get(name);
    const is = other.get(name);
    if (was === undefined || is === undefined) return [{ path: here, before: was, after: is }];
    return difference(items, was, is, here);
  });
}

function byKeys(items: JsonSchema, keys: readonly string[], list: readonly unknown[]): Map<string, unknown> {
  return new Map(
    list.map((item) => {
      const values = keys.map((key) => {
        const value = isObject(item) ? item[key] : undefined;
        return `${key}=${String(value ?? items.properties?.[key]?.default ?? '')}`;
      });
      return [values.join(','), item];
    }),
  );
}

function sameList(schema: JsonSchema, before: readonly unknown[], after: readonly unknown[]): boolean {
  if (before.length !== after.length) return false;
  const items = schema.items ?? {};
  if (schema['x-kubernetes-list-type'] === 'set')
    return before.every((item) => after.some((one) => deepEqual(item, one)));
  return before.every((item, at) => difference(items, item, after[at]).length === 0);
}

/** Returns what a change at the path does to a running instance; `live` if the schema does not say. */
export function updateClass(schema: JsonSchema, path: Path): UpdateClass {
  let node: JsonSchema | undefined = schema;
  let found: UpdateClass = schema['x-agentctl-update'] ?? 'live';
  for (const step of path) {
    if (node === undefined) break;
    node = childSchema(node, step);
    found = node?.['x-agentctl-update'] ?? found;
  }
  return found;
}
