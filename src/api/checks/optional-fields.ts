/** Reads objects whose structure is valid, but whose optional fields may be absent. */
import { isObject, type JsonObject } from '../schema.ts';

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
