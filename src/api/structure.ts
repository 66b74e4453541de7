/** Checks an object against its schema, with messages in words. `make generate` compiles the checks. */

import { type FieldError, invalid, required, shown } from './field-error.ts';
import { type SchemaError, validators } from './gen/validators.gen.js';
import { childSchema, isObject, type JsonSchema, type Path, valueAt } from './json.ts';
import type { KindInfo } from './kinds.ts';
import { asWords, isPlain, nearest } from './text.ts';

const typeNames = {
  object: 'an object',
  array: 'a list',
  string: 'a string',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

/** Returns the text of a number or boolean in its file; undefined if not known. */
export type Written = (path: Path) => string | undefined;

export function checkStructure(
  info: KindInfo,
  object: unknown,
  written: Written = () => undefined,
): FieldError[] {
  const validate = validators[info.kind];
  if (validate(object)) return [];
  return (validate.errors ?? []).flatMap((error) => {
    if (/\/oneOf\/\d+\//.test(error.schemaPath)) return []; // the error of the oneOf itself is reported
    const path = pathOf(object, error.instancePath);
    const value = valueAt(object, path);
    if (value === null && isUnset(path)) return [];
    const schema = path.reduce<JsonSchema | undefined>(
      (node, step) => node && childSchema(node, step),
      info.schema,
    );
    const hidden = info.kind === 'Secret' && (path[0] === 'data' || path[0] === 'stringData');
    return describe(error, path, value, schema ?? {}, hidden ? undefined : written);
  });
}

/** Go clients send null for an unset field, for example `creationTimestamp: null`. Not for items of a list. */
const isUnset = (path: Path): boolean =>
  typeof path.at(-1) === 'string' && (path[0] === 'metadata' || (path[0] === 'status' && path.length === 1));

function pathOf(object: unknown, pointer: string): Path {
  const path: (string | number)[] = [];
  let node = object;
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const step = Array.isArray(node) ? Number(name) : name;
    path.push(step);
    node = valueAt(node, [step]);
  }
  return path;
}

function describe(
  error: SchemaError,
  path: Path,
  value: unknown,
  schema: JsonSchema,
  /** Absent: the value is a secret. */
  written: Written | undefined,
): FieldError[] {
  switch (error.keyword) {
    case 'required': {
      const name = String(error.params.missingProperty);
      const child = childSchema(schema, name);
      return [required([...path, name], (child && expectedOf(child)) ?? 'a value')];
    }
    case 'type': {
      if (written === undefined) return [secretValue(path, value, typeNames[schema.type ?? 'object'])];
      const text = isBare(value) ? written(path) : undefined;
      const expected = expectedType(schema, value, text, path.at(-1));
      return [{ ...invalid(path, value, expected, text), reason: 'FieldValueTypeInvalid' }];
    }
    case 'enum': {
      const words = schema.enum ?? [];
      const expected = words.length === 1 ? `${words[0]}` : `one of ${words.join(', ')}`;
      const suggestion = typeof value === 'string' && words.length > 1 ? nearest(value, words) : undefined;
      return typeof value === schema.type
        ? [
            {
              ...invalid(path, value, expected),
              reason: 'FieldValueNotSupported',
              ...(suggestion === undefined ? {} : { suggestion }),
            },
          ]
        : []; // the wrong type is already reported
    }
    case 'oneOf':
      return [oneOfError(path, value, schema)];
    default:
      return [invalid(path, value, expectedOf(schema) ?? `what ${error.keyword} asks for`)];
  }
}

/** Returns the expected type, with a corrected text for the value if one can be guessed that the schema accepts. */
function expectedType(
  schema: JsonSchema,
  value: unknown,
  written: string | undefined,
  name: string | number | undefined,
): string {
  const type = typeNames[schema.type ?? 'object'];
  if (schema.type === 'string' && isBare(value)) {
    if (takes(schema, written ?? String(value))) return `${type}: ${inQuotes(value, written)}`;
    const octal = written?.replace(/^0o(?=[0-7]+$)/, '0'); // YAML's own notation
    if (octal !== undefined && takes(schema, octal)) return `${type}: ${inQuotes(value, octal)}`;
    const expected = expectedOf(schema) ?? type;
    const seconds = `${value}s`;
    return takes(schema, seconds) ? `${expected}: ${seconds} where these are seconds` : expected;
  }
  const isLine = (name === 'command' || name === 'args') && typeof value === 'string';
  if (schema.type === 'array' && schema.items?.type === 'string' && isBare(value) && written !== undefined)
    return `${type}: [${JSON.stringify(written)}]`;
  if (schema.type === 'array' && isLine && value.length <= longestExample)
    return `${type}: ${asWords(value)}`;
  if (schema.type === 'array' && schema.items?.type === 'string' && typeof value === 'string')
    return example(schema.items, value) === undefined ? type : `${type}: [${shown(value)}]`;
  const [field] = schema.required ?? [];
  if (schema.type !== 'object' || field === undefined) return type;
  const whole = typeof value === 'string' ? example(schema, value) : undefined;
  return whole === undefined ? `${type} with ${schema.required?.join(', ')}` : `${type}: ${whole}`;
}

/** Returns how to write the text as the schema requires, also inside nested objects; undefined if it cannot be. */
function example(schema: JsonSchema, text: string): string | undefined {
  if (schema.type === 'string') {
    if (!takes(schema, text) || text.length > longestExample) return undefined;
    return isPlain(text) ? text : JSON.stringify(text);
  }
  const [field, other] = schema.required ?? [];
  if (schema.type !== 'object' || field === undefined || other !== undefined) return undefined;
  const inner = example(childSchema(schema, field) ?? {}, text);
  return inner === undefined ? undefined : `{ ${field}: ${inner} }`;
}

const longestExample = 50;

const isBare = (value: unknown): value is number | boolean =>
  typeof value === 'number' || typeof value === 'boolean';

/** 007 was parsed to 7, and 1.10 to 1.1. Without the text from the file, only a safe integer is shown in quotes. */
function inQuotes(value: number | boolean, written: string | undefined): string {
  const text = written ?? (Number.isSafeInteger(Number(value)) ? String(value) : undefined);
  return text === undefined ? 'put it in quotes' : `put it in quotes, ${JSON.stringify(text)}`;
}

const takes = (
  { pattern, enum: words, minLength = 0, maxLength = Infinity }: JsonSchema,
  text: string,
): boolean =>
  (pattern === undefined || new RegExp(pattern, 'u').test(text)) &&
  (words === undefined || words.includes(text)) &&
  text.length >= minLength &&
  text.length <= maxLength;

/** A Secret's values are never shown, not even invalid ones. */
const secretValue = (path: Path, value: unknown, expected: string): FieldError => ({
  path,
  reason: 'FieldValueTypeInvalid',
  message: `found ${value === null ? 'nothing' : `a ${typeof value}`}, expected ${expected}${isBare(value) && path[0] === 'stringData' ? ': put it in quotes' : ''}`,
  expected,
});

function oneOfError(path: Path, value: unknown, schema: JsonSchema): FieldError {
  const names = (schema.oneOf ?? []).flatMap((branch) => branch.required);
  const there = isObject(value) ? names.filter((name) => Object.hasOwn(value, name)) : [];
  const found = there.length === 0 ? 'none of them' : there.join(' and ');
  const expected = `exactly one of ${names.join(', ')}`;
  return {
    path,
    reason: there.length === 0 ? 'FieldValueRequired' : 'FieldValueInvalid',
    message: `found ${found}, expected ${expected}`,
    found,
    expected,
  };
}

function expectedOf(schema: JsonSchema): string | undefined {
  if (schema['x-agentctl-expected'] !== undefined) return schema['x-agentctl-expected'];
  if (schema.enum !== undefined)
    return schema.enum.length === 1 ? schema.enum[0] : `one of ${schema.enum.join(', ')}`;
  const { minimum, maximum, minLength, maxLength, minItems, maxItems } = schema;
  const type = schema.type === undefined ? undefined : typeNames[schema.type];
  if (minimum !== undefined && maximum !== undefined) return `${type} from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return `${type} of at least ${minimum}`;
  if (maximum !== undefined) return `${type} of at most ${maximum}`;
  if (maxLength !== undefined) return `${type} of ${minLength ?? 0} to ${maxLength} characters`;
  if (minLength !== undefined) return `${type} that is not empty`;
  if (maxItems !== undefined) return `${type} of ${minItems ?? 0} to ${maxItems} entries`;
  if (minItems !== undefined)
    return `${type} with at least ${minItems === 1 ? 'one entry' : `${minItems} entries`}`;
  return type;
}
