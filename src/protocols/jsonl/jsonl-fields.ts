import { isObject, type JsonObject } from '../../api/json.ts';
import { cut } from '../../api/text.ts';
import { parseTime } from '../../api/time.ts';
import { limits } from '../protocol.ts';

/** The latest instant that a Date can represent. */
const lastInstant = 8_640_000_000_000_000;

/** A line, or a part of it, breaks the protocol. */
export class Malformed extends Error {}

/**
 * Reads the fields of an object that an agent sent. Throws Malformed if a field is missing or has another type. Null
 * counts as absent, because many languages write it for unset fields. Unknown fields are ignored.
 */
export class Fields {
  readonly object: JsonObject;

  constructor(object: JsonObject) {
    this.object = object;
  }

  has(name: string): boolean {
    return this.object[name] !== undefined && this.object[name] !== null;
  }

  text(name: string): string {
    const value = this.object[name];
    if (typeof value !== 'string') throw new Malformed(`${name} must be a string`);
    return value;
  }

  /** Returns a non-empty text of limited length. */
  id(name: string): string {
    const value = this.text(name);
    if (value === '') throw new Malformed(`${name} must not be empty`);
    if (value.length > limits.id)
      throw new Malformed(`${name} must not be longer than ${limits.id} characters`);
    return value;
  }

  /** Returns a text for people, cut if it is too long. */
  name(name: string, most: number = limits.name): string {
    return cut(this.text(name), most);
  }

  optionalName(name: string, most?: number): string | undefined {
    return this.has(name) ? this.name(name, most) : undefined;
  }

  optionalId(name: string): string | undefined {
    return this.has(name) ? this.id(name) : undefined;
  }

  flag(name: string): boolean | undefined {
    if (!this.has(name)) return undefined;
    const value = this.object[name];
    if (typeof value !== 'boolean') throw new Malformed(`${name} must be true or false`);
    return value;
  }

  /** Returns a number that is not negative and small enough to be summed. */
  amount(name: string): number {
    const value = this.object[name];
    if (typeof value !== 'number' || !(value >= 0 && value <= 1e12))
      throw new Malformed(`${name} must be a number from 0 to 10^12`);
    return value;
  }

  /** Returns an integer of 0 or more. */
  count(name: string): number | undefined {
    if (!this.has(name)) return undefined;
    const value = this.amount(name);
    if (!Number.isSafeInteger(value)) throw new Malformed(`${name} must be a whole number`);
    return value;
  }

  /** Returns milliseconds since the Unix epoch. The field holds these or an RFC 3339 timestamp. */
  instant(name: string): number | undefined {
    if (!this.has(name)) return undefined;
    const value = this.object[name];
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= lastInstant)
      return value;
    const instant = typeof value === 'string' ? parseTime(value) : undefined;
    if (instant !== undefined) return instant;
    throw new Malformed(`${name} must be a time as RFC 3339 has it, or milliseconds since 1970`);
  }

  child(name: string): Fields | undefined {
    if (!this.has(name)) return undefined;
    const value = this.object[name];
    if (!isObject(value)) throw new Malformed(`${name} must be an object`);
    return new Fields(value);
  }

  /** Returns an object that is passed on unchanged. */
  whole(name: string): JsonObject {
    const child = this.child(name);
    if (child === undefined) throw new Malformed(`${name} must be an object`);
    return bounded(child.object, name);
  }
}

/** Deeper values would overflow the stack when they are serialized again. */
const maxDepth = 100;

/** Returns the value. Throws Malformed if it is nested too deeply to be passed on. */
export function bounded<T>(value: T, name: string): T {
  if (deeper(value, maxDepth)) throw new Malformed(`${name} is nested more than ${maxDepth} levels deep`);
  return value;
}

const deeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((child) => deeper(child, levels - 1)));
