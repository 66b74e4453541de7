import { checkAgent, checkPolicy } from './checks/agent-checks.ts';
import { checkRuntime, checkSync } from './checks/kind-checks.ts';
import { type FieldError, forbidden, invalid, required } from './field-error.ts';
import { field, isObject, type JsonObject, orEmpty, type Path, text } from './json.ts';
import type { KindInfo } from './kinds.ts';
import { notDataKey, notDnsLabel, notDnsSubdomain, notLabelValue, notQualifiedName } from './names.ts';
import { checkShape } from './shape.ts';
import { checkStructure, type Written } from './structure.ts';

/** Validates objects: the rules of the schema, and those that a schema cannot express. */
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

const annotationBytes = 256 * 1024; // Kubernetes: TotalAnnotationSizeLimitB

/**
 * A name must leave room for suffixes: an Agent's instances are `<agent>-<ordinal>`, and a label has at most 63
 * characters.
 */
function badName(info: KindInfo, name: string): string | undefined {
  switch (info.kind) {
    case 'Agent':
    case 'Sync': // its name is part of its field manager's, which has at most 128 characters
      return notDnsLabel(name, 52);
    case 'Namespace':
    case 'Instance':
    case 'Runtime':
      return notDnsLabel(name);
    case 'Secret':
    case 'ConfigMap':
    case 'Policy':
    case 'Revision':
    case 'Event':
    case 'Message':
    case 'Conversation':
    case 'Approval':
      return notDnsSubdomain(name);
    default:
      return info.kind satisfies never;
  }
}

function checkMetadata(info: KindInfo, metadata: unknown): FieldError[] {
  const errors: FieldError[] = [];
  const path = ['metadata'];
  const name = text(metadata, 'name');
  const prefix = text(metadata, 'generateName');
  if (name !== undefined && name !== '') {
    const expected = badName(info, name);
    if (expected !== undefined) errors.push(invalid([...path, 'name'], name, expected));
  } else if (prefix === undefined || prefix === '') {
    errors.push(required([...path, 'name'], 'a name, or generateName'));
  } else {
    const expected = badName(info, `${prefix}xxxxx`);
    if (expected !== undefined)
      errors.push(invalid([...path, 'generateName'], prefix, `with five more: ${expected}`));
  }

  const namespace = text(metadata, 'namespace');
  if (namespace !== undefined && namespace !== '') {
    const expected = notDnsLabel(namespace);
    if (!info.namespaced)
      errors.push(forbidden([...path, 'namespace'], `must not be set: a ${info.kind} has no namespace`));
    else if (expected !== undefined) errors.push(invalid([...path, 'namespace'], namespace, expected));
  }
  errors.push(...checkLabels(field(metadata, 'labels')), ...checkAnnotations(field(metadata, 'annotations')));
  const finalizers = field(metadata, 'finalizers');
  for (const [at, finalizer] of (Array.isArray(finalizers) ? finalizers : []).entries()) {
    const expected = notQualifiedName(orEmpty(finalizer));
    if (expected !== undefined) errors.push(invalid([...path, 'finalizers', at], finalizer, expected));
  }
  return errors;
}

const entries = (map: unknown): [string, unknown][] =>
  Object.entries(isObject(map) ? (map as JsonObject) : {});

function checkLabels(labels: unknown): FieldError[] {
  return entries(labels).flatMap(([key, value]) => {
    const path = ['metadata', 'labels', key];
    const badKey = notQualifiedName(key);
    const badValue = notLabelValue(orEmpty(value));
    return [
      ...(badKey === undefined ? [] : [invalid(path, key, `as a key ${badKey}`)]),
      ...(badValue === undefined ? [] : [invalid(path, value, badValue)]),
    ];
  });
}

function checkAnnotations(annotations: unknown): FieldError[] {
  const path = ['metadata', 'annotations'];
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of entries(annotations)) {
    size += key.length + orEmpty(value).length;
    const expected = notQualifiedName(key.toLowerCase());
    if (expected !== undefined) errors.push(invalid([...path, key], key, `as a key ${expected}`));
  }
  if (size > annotationBytes) {
    errors.push({
      path,
      reason: 'FieldValueTooLong',
      message: `found ${size} characters, expected at most ${annotationBytes}`,
    });
  }
  return errors;
}
