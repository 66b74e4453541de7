import { compilePath, compileTemplate, JsonPathError, printValue } from '../../api/jsonpath.ts';
import { UsageError } from '../failure.ts';

export function parsePath(path: string): (data: unknown) => unknown[] {
  return usage(() => compilePath(path));
}

export const evaluateTemplate = (template: string, data: unknown): string =>
  usage(() => compileTemplate(template))(data);

/** Returns the cell of a custom column: `<none>` for no value, as in kubectl. */
export function columnText(path: string, data: unknown): string {
  const values = parsePath(path)(data);
  return values.length === 0 ? '<none>' : values.map(printValue).join(',');
}

/**
 * Sorts in place by a path: numbers, times and texts; items without the field come first. `of` returns the object of an
 * item.
 */
export function sortByPath<T>(items: T[], path: string, of: (item: T) => unknown): void {
  const find = parsePath(path);
  const keys = new Map(items.map((item) => [item, find(of(item))[0]]));
  items.sort((a, b) => order(keys.get(a), keys.get(b)));
}

function order(a: unknown, b: unknown): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? -1 : 1;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [one, other] = [printValue(a), printValue(b)];
  return one < other ? -1 : one > other ? 1 : 0;
}

function usage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof JsonPathError) throw new UsageError(error.message);
    throw error;
  }
}
