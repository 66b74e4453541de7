/** Readers for what a stranger sent: what has not the wanted shape is absent. */
import { cut } from '../../api/cut.ts';
import { limits } from '../limits.ts';

export type Fields = Readonly<Record<string, unknown>>;

export const fields = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields) // any object has fields
    : undefined;

export const string = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Sums of what is larger mean nothing. */
const mostAmount = 1e12;

/** A number that can be a count or an amount. */
export const number = (value: unknown): number | undefined =>
  typeof value === 'number' && value >= 0 && value <= mostAmount ? value : undefined;

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Those of the list that are objects. */
export const objects = (value: unknown): Fields[] =>
  list(value).flatMap((item) => {
    const found = fields(item);
    return found === undefined ? [] : [found];
  });

/** A text that names something: one that is too long is none, since cut it would name another thing. */
export const id = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length <= limits.id ? value : undefined;

/** A text for people, cut where it is longer. */
export const name = (value: unknown, most: number = limits.name): string | undefined =>
  typeof value === 'string' ? cut(value, most) : undefined;

/** The value if it is one of these. */
export const oneOf = <T extends string>(value: unknown, allowed: readonly T[]): T | undefined =>
  allowed.find((one) => one === value);

/** Without the fields that are undefined, so that absent stays absent. */
export const present = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T; // all its fields were optional where undefined
