import { isSameAmount } from './amounts.ts';
import {
  childSchema,
  deepEqual,
  isObject,
  type JsonObject,
  type JsonSchema,
  type Path,
  pathText,
  type UpdateClass,
} from './json.ts';
import type { KindInfo } from './kinds.ts';
import type { AnyObject } from './objects.ts';
import { withDefaults } from './shape.ts';

/** Compares two objects, field by field. */
interface FieldDifference {
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

export interface Change {
  path: string;
  before: unknown;
  after: unknown;
  /** What the change does to running instances. */
  update: 'live' | 'restart' | 'firstStart';
}

const masked = '***';

/** The part of an object that a user can set. The server sets the rest. */
function settable({ metadata, ...object }: AnyObject): object {
  const { labels = {}, annotations = {} } = metadata;
  return { ...object, status: undefined, metadata: { labels, annotations } };
}

/** Returns the differences, field by field. Values of Secrets are not shown. */
export function changesOf(info: KindInfo, before: AnyObject, after: AnyObject): Change[] {
  return difference(info.schema, settable(before), settable(after)).map(({ path, before, after }) => {
    const secret = info.kind === 'Secret' && (path[0] === 'data' || path[0] === 'stringData');
    const shown = (value: unknown, text: string): unknown => (secret && value !== undefined ? text : value);
    return {
      path: pathText(path),
      before: shown(before, `${masked} (before)`),
      after: shown(after, `${masked} (after)`),
      update: updateClass(info.schema, path),
    };
  });
}

/** Returns `~ spec.replicas: 1 -> 2`; `+` for a new field, `-` for a removed one. */
export function changeLine({ path, before, after, update }: Change): string {
  const note =
    update === 'restart'
      ? '  (forces a restart)'
      : update === 'firstStart'
        ? '  (for first starts only)'
        : '';
  if (before === undefined) return `+ ${path}: ${text(after)}${note}`;
  if (after === undefined) return `- ${path}: ${text(before)}${note}`;
  return `~ ${path}: ${text(before)} -> ${text(after)}${note}`;
}

const text = (value: unknown): string => JSON.stringify(value);
