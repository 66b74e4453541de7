/** Validates objects: the rules of the schema, and those that a schema cannot express. */
import { checkAgent, checkPolicy } from './checks/agent-checks.ts';
import { checkMetadata } from './checks/metadata-checks.ts';
import { field, orEmpty } from './checks/optional-fields.ts';
import { checkRuntime } from './checks/runtime-checks.ts';
import { checkSync } from './checks/sync-checks.ts';
import { type FieldError, forbidden, invalid } from './field-error.ts';
import type { KindInfo } from './kinds.ts';
import { notDataKey } from './names.ts';
import type { Path } from './path.ts';
import { isObject, type JsonObject } from './schema.ts';
import { checkShape } from './shape.ts';
import { checkStructure, type Written } from './structure.ts';

export { type FieldError, fieldErrorsToStatus, fieldErrorText } from './field-error.ts';
export { prune, unknownFields } from './shape.ts';

/** Returns the errors of an object of which only the status is new. */
export function validateStatus(info: KindInfo, object: JsonObject): FieldError[] {
  const schema = info.schema.properties?.status ?? {};
  return [...checkStructure(info, object), ...checkShape(schema, object.status, ['status'])];
}

/**
 * Returns all errors of the object; none if it is valid. Defaults need not be filled in. Unknown fields are not
 * reported here: see `unknownFields`. Accepts any value.
 */
export function validateObject(info: KindInfo, object: unknown, written?: Written): FieldError[] {
  const structure = checkStructure(info, object, written);
  if (!isObject(object)) return structure;
  const errors = [...structure, ...checkShape(info.schema, object)];
  // Rules read what they can of an invalid structure. Their errors about the invalid part itself are dropped.
  const rules = [...checkMetadata(info, object.metadata), ...checkRules(info, object)];
  return [...errors, ...rules.filter((rule) => !structure.some((error) => covers(error, rule.path)))];
}

/**
 * Whether an error makes errors at this path redundant. A field that is missing or of the wrong type covers all below
 * it.
 */
function covers(error: FieldError, path: Path): boolean {
  const whole = error.reason === 'FieldValueTypeInvalid' || error.reason === 'FieldValueRequired';
  return (whole || error.path.length === path.length) && error.path.every((step, at) => path[at] === step);
}

/** Returns an error for each field that an update must not change. */
export function validateUpdate(info: KindInfo, object: JsonObject, before: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const fixed = (path: string[], why: string): void => {
    if (JSON.stringify(at(object, path)) !== JSON.stringify(at(before, path)))
      errors.push(forbidden(path, `cannot be changed: ${why}`));
  };
  if (info.kind === 'Revision') {
    fixed(['data'], 'a Revision is immutable');
    fixed(['revision'], 'a Revision is immutable');
  }
  if (info.kind === 'Instance') {
    // The Runtime may change: the controller moves an Instance when the old Runtime has nothing left of it.
    for (const field of ['agentName', 'agentUID', 'ordinal'])
      fixed(['spec', field], 'only the controller can move an Instance');
  }
  if (info.kind === 'Runtime') {
    fixed(['spec', 'driver'], 'delete the Runtime and create another');
  }
  if ((info.kind === 'Secret' || info.kind === 'ConfigMap') && before.immutable === true) {
    for (const field of ['data', 'binaryData'])
      fixed([field], `the ${info.kind} is immutable: delete and create it again`);
    if (object.immutable !== true) errors.push(invalid(['immutable'], object.immutable, 'true, as it was'));
  }
  if (info.kind === 'Secret') fixed(['type'], 'delete the Secret and create it again');
  return errors;
}

function at(object: JsonObject, path: readonly string[]): unknown {
  let node: unknown = object;
  for (const step of path) node = isObject(node) ? node[step] : undefined;
  return node;
}

function checkRules(info: KindInfo, object: JsonObject): FieldError[] {
  switch (info.kind) {
    case 'Agent':
      return checkAgent(object);
    case 'Policy':
      return checkPolicy(object.spec, ['spec']);
    case 'Runtime':
      return checkRuntime(object);
    case 'Sync':
      return checkSync(object);
    case 'Secret':
      return checkSecret(object);
    case 'ConfigMap':
      return checkConfigMap(object);
    case 'Namespace':
    case 'Instance':
    case 'Revision':
    case 'Event':
    case 'Message':
    case 'Conversation':
    case 'Approval':
      return [];
    default:
      return info.kind satisfies never;
  }
}

const dataBytes = 1024 * 1024; // Kubernetes: MaxSecretSize

const checkSecret = (secret: JsonObject): FieldError[] => checkData(secret, ['data', 'stringData']);

function checkConfigMap(configMap: JsonObject): FieldError[] {
  const errors = checkData(configMap, ['data', 'binaryData']);
  const binary = field(configMap, 'binaryData');
  for (const key of Object.keys(isObject(binary) ? binary : {})) {
    if (isObject(configMap.data) && Object.hasOwn(configMap.data, key)) {
      errors.push({
        path: ['binaryData', key],
        reason: 'FieldValueDuplicate',
        message: 'duplicate key, also in data; remove one of the two',
      });
    }
  }
  return errors;
}

function checkData(object: JsonObject, fields: string[]): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const name of fields) {
    const map = object[name];
    for (const [key, value] of Object.entries(isObject(map) ? map : {})) {
      size += orEmpty(value).length;
      const expected = notDataKey(key);
      if (expected !== undefined) errors.push(invalid([name, key], key, `as a key ${expected}`));
    }
  }
  if (size > dataBytes * 1.4) {
    errors.push({
      path: ['data'],
      reason: 'FieldValueTooLong',
      message: `found ${size} characters in all, expected at most 1 MiB of data`,
    });
  }
  return errors;
}
