/** A JSON Schema as in schemas/: structural in Kubernetes' sense, with every $ref resolved. */
export interface JsonSchema {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  description?: string;
  format?: string;
  properties?: Readonly<Record<string, JsonSchema>>;
  additionalProperties?: JsonSchema;
  items?: JsonSchema;
  required?: readonly string[];
  enum?: readonly string[];
  default?: unknown;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  oneOf?: readonly { required: readonly string[] }[];
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-list-map-keys'?: readonly string[];
  'x-kubernetes-map-type'?: 'atomic' | 'granular';
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  /** What a change of the field does to a running instance. Inherited by the fields below that do not say. */
  'x-agentctl-update'?: UpdateClass;
  /** The value is an amount: different texts can mean the same value. */
  'x-agentctl-amount'?: 'duration' | 'cores' | 'bytes' | 'signal';
  /** Says in words what `pattern` requires, for the error message. */
  'x-agentctl-expected'?: string;
}

export type UpdateClass = 'live' | 'restart' | 'firstStart';

export type JsonObject = { [key: string]: unknown };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Returns the schema of a property, of a map's value, or of a list's item. */
export function childSchema(schema: JsonSchema, step: string | number): JsonSchema | undefined {
  if (typeof step === 'number' || schema.type === 'array') return schema.items;
  return (
    (schema.properties !== undefined && Object.hasOwn(schema.properties, step)
      ? schema.properties[step]
      : undefined) ?? schema.additionalProperties
  );
}

/** The path of a field: property names and list indexes, from the object's root. */
export type Path = readonly (string | number)[];

/** Formats a path as Kubernetes does: `spec.template.env[0].name`, `metadata.labels[example.com/x]`. */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number' || !/^[A-Za-z_$][A-Za-z0-9_$-]*$/.test(step)) text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/** Returns the value at a path; undefined if there is none. */
export function valueAt(value: unknown, path: Path): unknown {
  let node = value;
  for (const step of path) {
    if (Array.isArray(node)) node = typeof step === 'number' ? node[step] : undefined;
    else if (isObject(node)) node = Object.hasOwn(node, step) ? node[step] : undefined;
    else return undefined;
  }
  return node;
}

/** Whether two JSON values are equal. The order of an object's fields does not matter, and undefined equals absent. */
export function deepEqual(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (Array.isArray(one) || Array.isArray(other)) {
    return (
      Array.isArray(one) &&
      Array.isArray(other) &&
      one.length === other.length &&
      one.every((item, at) => deepEqual(item, other[at]))
    );
  }
  if (!isObject(one) || !isObject(other)) return one === other; // 0 equals -0: JSON does not distinguish them
  for (const key of Object.keys(one)) if (!deepEqual(one[key], own(other, key))) return false;
  return Object.keys(other).every((key) => other[key] === undefined || Object.hasOwn(one, key));
}

const own = (object: { [key: string]: unknown }, key: string): unknown =>
  Object.hasOwn(object, key) ? object[key] : undefined;

/** Reads objects whose structure is valid, but whose optional fields may be absent. */
export const field = (value: unknown, name: string): unknown => (isObject(value) ? value[name] : undefined);

/** The schema reports a value that is not a string. It is not converted: in JSON it can have a `toString` that throws. */
export const orEmpty = (value: unknown): string => (typeof value === 'string' ? value : '');

export const text = (value: unknown, name: string): string | undefined => {
  const found = field(value, name);
  return typeof found === 'string' ? found : undefined;
};

export const items = (value: unknown, name: string): JsonObject[] => {
  const found = field(value, name);
  return Array.isArray(found) ? found.filter(isObject) : [];
};

export const has = (value: unknown, name: string): boolean => field(value, name) !== undefined;

/** Limits on the size of an object. Writing a larger one would block everything else for seconds. */

/** Maximum number of fields and items of an object, without its status but with managedFields. */
export const mostValues = 10_000;
/**
 * Maximum number of characters of all names and texts of an object, without its status. Kubernetes limits a request to
 * etcd to 1.5 MiB.
 */
export const mostCharacters = 1.5 * 1024 * 1024;
/** Maximum number of fields and items of a request body, or of a line that an agent writes. */
const mostValuesSent = 100_000;

export interface Size {
  values: number;
  characters: number;
}

/** Counts an object without its top-level `status`. Stops when it has more than `mostValuesSent` values. */
export function sizeOf(object: Readonly<Record<string, unknown>>): Size {
  const { status: _, ...rest } = object;
  const size = { values: 0, characters: 0 };
  addSize(rest, size);
  return size;
}

/** Adds the size of a value to `size`. Stops when it has more than `mostValuesSent` values. */
export function addSize(value: unknown, size: Size): void {
  if (typeof value === 'string') size.characters += value.length;
  if (typeof value !== 'object' || value === null || size.values > mostValuesSent) return;
  const isList = Array.isArray(value);
  for (const [name, item] of Object.entries(value)) {
    if (size.values > mostValuesSent) return;
    size.values += 1;
    if (!isList) size.characters += name.length;
    addSize(item, size);
  }
}

/** Maximum depth of a request body and of a patched object. The stack has room for far more. */
export const deepest = 100;

export const isTooDeep = (value: unknown, left = deepest): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (left === 0 || Object.values(value).some((item) => isTooDeep(item, left - 1)));

/** Returns why an object of this size is refused; undefined if it is not. */
export function sizeFault({ values, characters }: Size): string | undefined {
  if (values > mostValues)
    return `the object has ${values} fields and items, at most ${mostValues} are allowed: split it`;
  if (characters > mostCharacters)
    return `the object has ${characters} characters, at most ${mostCharacters} are allowed: split it`;
  return undefined;
}

const [quote, backslash, comma, bracket, brace] = ['"', '\\', ',', '[', '{'].map((char) =>
  char.charCodeAt(0),
);

/** Returns why a JSON text is not parsed because of its size; undefined if it is. Cheaper than parsing it. */
export const jsonFault = (text: string): string | undefined =>
  text.length > mostValuesSent && valuesInJson(text) > mostValuesSent
    ? `it has more than ${mostValuesSent} fields and items`
    : undefined;

/** Estimates the number of fields and items of a JSON text without parsing it. Accepts any text. */
export function valuesInJson(text: string): number {
  let count = 0;
  let isText = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === quote) isText = !isText;
    else if (isText) {
      if (char === backslash) at += 1;
    } else if (char === comma || char === bracket || char === brace) count += 1;
  }
  return count;
}
