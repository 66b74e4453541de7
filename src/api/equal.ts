import { isObject } from './schema.ts';

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
  if (!isObject(one) || !isObject(other)) return one === other; // 0 equals -0: JSON does not tell them apart
  for (const key of Object.keys(one)) if (!deepEqual(one[key], own(other, key))) return false;
  return Object.keys(other).every((key) => other[key] === undefined || Object.hasOwn(one, key));
}

const own = (object: { [key: string]: unknown }, key: string): unknown =>
  Object.hasOwn(object, key) ? object[key] : undefined;
