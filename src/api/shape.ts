import { type FieldError, invalid } from './field-error.ts';
import { childSchema, isObject, type JsonSchema, type Path } from './json.ts';
import { nearest } from './text.ts';
import { isTime } from './time.ts';

/** Walks an object along its schema: unknown fields, duplicate list entries, formats. */
/** Returns the fields that the schema does not have, each with the nearest name that it has. */
export function unknownFields(schema: JsonSchema, value: unknown, path: Path = []): FieldError[] {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items === undefined ? [] : value.flatMap((item, at) => unknownFields(items, item, [...path, at]));
  }
  if (!isObject(value) || schema['x-kubernetes-preserve-unknown-fields'] === true) return [];
  if (schema.properties === undefined && schema.additionalProperties === undefined) return [];
  return Object.entries(value).flatMap(([name, child]) => {
    const known = childSchema(schema, name);
    return known === undefined
      ? [unknownField(schema, name, path)]
      : unknownFields(known, child, [...path, name]);
  });
}

function unknownField(schema: JsonSchema, name: string, path: Path): FieldError {
  const names = Object.keys(schema.properties ?? {});
  const suggestion = nearest(name, names);
  return {
    path: [...path, name],
    reason: 'UnknownField',
    message: 'unknown field',
    found: name,
    expected: names.length <= 12 ? `one of ${names.join(', ')}` : 'a field of the schema',
    ...(suggestion === undefined ? {} : { suggestion }),
  };
}

/** Returns the object without unknown fields, and without nulls, which mean "not set". */
export function prune(schema: JsonSchema, value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items === undefined ? value : value.map((item) => prune(items, item));
  }
  if (!isObject(value) || schema['x-kubernetes-preserve-unknown-fields'] === true) return value;
  if (schema.properties === undefined && schema.additionalProperties === undefined) return value;
  const kept: [string, unknown][] = [];
  for (const [name, child] of Object.entries(value)) {
    const known = childSchema(schema, name);
    if (known !== undefined && child !== null) kept.push([name, prune(known, child)]);
  }
  return Object.fromEntries(kept);
}

/** Checks what ajv does not: duplicate entries in a set or a map list, times and base64. */
export function checkShape(schema: JsonSchema, value: unknown, path: Path = []): FieldError[] {
  if (Array.isArray(value)) {
    const items = schema.items ?? {};
    const errors = value.flatMap((item, at) => checkShape(items, item, [...path, at]));
    return [...errors, ...doubled(schema, value, path)];
  }
  if (isObject(value)) {
    return Object.entries(value).flatMap(([name, child]) => {
      const known = childSchema(schema, name);
      return known === undefined ? [] : checkShape(known, child, [...path, name]);
    });
  }
  if (typeof value !== 'string') return [];
  if (schema.format === 'date-time' && !isTime(value))
    return [invalid(path, value, 'an RFC 3339 time, such as 2026-01-31T12:00:00Z')];
  if (schema.format === 'byte' && !isBase64(value)) {
    return [
      {
        path,
        reason: 'FieldValueInvalid',
        message: 'is not base64; use stringData for plain text, or encode it with base64 -w0',
        expected: 'base64',
      },
    ];
  }
  return [];
}

const isBase64 = (text: string): boolean =>
  /^[A-Za-z0-9+/\r\n]*={0,2}[\r\n]*$/.test(text) && text.replace(/[\r\n]/g, '').length % 4 === 0;

function doubled(schema: JsonSchema, list: readonly unknown[], path: Path): FieldError[] {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'set' && type !== 'map') return [];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const seen = new Map<string, number>();
  return list.flatMap((item, at) => {
    const values = type === 'set' ? [item] : keys.map((key) => (isObject(item) ? item[key] : undefined));
    if (values.includes(undefined)) return [];
    const text = JSON.stringify(values);
    const first = seen.get(text);
    if (first === undefined) {
      seen.set(text, at);
      return [];
    }
    const what =
      type === 'set'
        ? JSON.stringify(item)
        : keys.map((key, n) => `${key} ${JSON.stringify(values[n])}`).join(', ');
    return [
      {
        path: [...path, at],
        reason: 'FieldValueDuplicate' as const,
        message: `duplicate ${what}, first at [${first}]`,
      },
    ];
  });
}

/** Fills in a schema's defaults as Kubernetes does: from the outside in, and never below an absent field. */
/** Returns a copy of the value with all missing defaults. Unchanged parts are shared with the value. */
export function withDefaults<T>(schema: JsonSchema, value: T): T {
  return fill(schema, value) as T; // defaults only add fields that T has
}

function fill(schema: JsonSchema, value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = schema.items;
    if (items === undefined) return value;
    const filled = value.map((item) => fill(items, item));
    return filled.every((item, at) => item === value[at]) ? value : filled;
  }
  if (!isObject(value)) return value;
  const changed: [string, unknown][] = [];
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const before = Object.hasOwn(value, name) ? value[name] : undefined;
    // Without this shortcut, cloning undefined takes more time than all the rest.
    if (before === undefined && property.default === undefined) continue;
    const after = fill(property, before ?? structuredClone(property.default));
    if (after !== before && after !== undefined) changed.push([name, after]);
  }
  if (schema.additionalProperties !== undefined) {
    for (const [name, before] of Object.entries(value)) {
      if (schema.properties !== undefined && Object.hasOwn(schema.properties, name)) continue;
      const after = fill(childSchema(schema, name) ?? {}, before);
      if (after !== before) changed.push([name, after]);
    }
  }
  return changed.length === 0 ? value : { ...value, ...Object.fromEntries(changed) };
}
