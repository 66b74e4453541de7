/** Fills in a schema's defaults as Kubernetes does: from the outside in, and never below an absent field. */
import { childSchema, isObject, type JsonSchema } from './schema.ts';

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
