/** Readers for what a stranger sent: what has not the wanted shape is absent. */

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

/** The beginning of a text that may be of any length. */
export const bounded = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most)}…`;

/** The value if it is one of these. */
export const oneOf = <T extends string>(value: unknown, allowed: readonly T[]): T | undefined =>
  allowed.find((one) => one === value);

/** Without the fields that are undefined, so that absent stays absent. */
export const present = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T; // all its fields were optional where undefined
