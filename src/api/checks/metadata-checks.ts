import { type FieldError, forbidden, invalid, required } from '../field-error.ts';
import type { KindInfo } from '../kinds.ts';
import { notDnsLabel, notDnsSubdomain, notLabelValue, notQualifiedName } from '../names.ts';
import { isObject, type JsonObject } from '../schema.ts';
import { field, orEmpty, text } from './optional-fields.ts';

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

export function checkMetadata(info: KindInfo, metadata: unknown): FieldError[] {
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
