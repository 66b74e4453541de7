import { type FieldError, invalid } from '../field-error.ts';
import { notDataKey } from '../names.ts';
import { isObject, type JsonObject } from '../schema.ts';
import { field, orEmpty } from './read.ts';

const dataBytes = 1024 * 1024; // Kubernetes: MaxSecretSize

export const checkSecret = (secret: JsonObject): FieldError[] => checkData(secret, ['data', 'stringData']);

export function checkConfigMap(configMap: JsonObject): FieldError[] {
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
