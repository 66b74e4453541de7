/**
 * Amounts: the fields that a schema marks with x-agentctl-amount. `1000m` equals `1`, `1Gi` equals `1024Mi`, and `60s`
 * equals `1m`.
 */

import { childSchema, isObject, type JsonSchema } from './json.ts';
import { signalNumber } from './signal.ts';
import { tryDuration } from './time.ts';

type Unit = NonNullable<JsonSchema['x-agentctl-amount']>;

/** Longer texts are compared as text. */
const longest = 100;

/**
 * Returns milliseconds, billionths of a core, bytes or a signal number: as exact as the drivers need it. Undefined if
 * the text is not an amount.
 */
export function amountOf(unit: Unit, text: unknown): number | undefined {
  if (typeof text !== 'string' || text.length > longest) return undefined;
  if (unit === 'duration') return tryDuration(text);
  if (unit === 'signal') return signalNumber(text);
  try {
    return unit === 'cores' ? Math.round(parseCpu(text) * 1e9) : parseMemory(text);
  } catch (error) {
    if (error instanceof RangeError) return undefined; // validation reports it
    throw error;
  }
}

/** Whether the schema marks the field as an amount, and both texts mean the same amount. */
export function isSameAmount(
  { 'x-agentctl-amount': unit }: JsonSchema,
  one: unknown,
  other: unknown,
): boolean {
  if (unit === undefined) return false;
  const amount = amountOf(unit, one);
  return amount !== undefined && amount === amountOf(unit, other);
}

const known = new WeakMap<JsonSchema, boolean>();

/** Whether a schema has an amount, itself or below. */
function hasAmounts(schema: JsonSchema): boolean {
  let found = known.get(schema);
  if (found === undefined) {
    const { properties = {}, additionalProperties, items } = schema;
    const below = [...Object.values(properties), additionalProperties, items];
    found =
      schema['x-agentctl-amount'] !== undefined ||
      below.some((child) => child !== undefined && hasAmounts(child));
    known.set(schema, found);
  }
  return found;
}

/**
 * Applies `change` to each amount of `value`, with the value at the same place in `other`. Unchanged parts are shared
 * with `value`.
 */
function mapped<T>(
  schema: JsonSchema,
  value: T,
  other: unknown,
  change: (schema: JsonSchema, value: unknown, other: unknown) => unknown,
): T {
  if (!hasAmounts(schema) || value === other) return value;
  return walk(schema, value, other) as T; // the type is unchanged: an amount stays an amount

  function walk(schema: JsonSchema, value: unknown, other: unknown): unknown {
    if (value === other || !hasAmounts(schema)) return value;
    if (schema['x-agentctl-amount'] !== undefined) return change(schema, value, other);
    if (Array.isArray(value)) {
      const { items = {} } = schema;
      const pair = partner(schema, other);
      const after = value.map((item, at) => walk(items, item, pair(item, at)));
      return after.every((item, at) => item === value[at]) ? value : after;
    }
    if (!isObject(value)) return value;
    const changed = new Map<string, unknown>();
    for (const [name, child] of Object.entries(value)) {
      const there = isObject(other) && Object.hasOwn(other, name) ? other[name] : undefined;
      const after = walk(childSchema(schema, name) ?? {}, child, there);
      if (after !== child) changed.set(name, after);
    }
    return changed.size === 0 ? value : Object.fromEntries([...Object.entries(value), ...changed]);
  }
}

/**
 * Returns a function that finds the counterpart of an item in another list: by its keys in a map list, otherwise by
 * index.
 */
function partner(schema: JsonSchema, other: unknown): (item: unknown, at: number) => unknown {
  if (!Array.isArray(other)) return () => undefined;
  const keys = schema['x-kubernetes-list-type'] === 'map' ? schema['x-kubernetes-list-map-keys'] : undefined;
  if (keys === undefined) return (_, at) => other[at];
  const keyOf = (item: unknown): string =>
    JSON.stringify(keys.map((key) => (isObject(item) ? (item[key] ?? null) : null)));
  const byKey = new Map(other.map((item) => [keyOf(item), item]));
  return (item) => byKey.get(keyOf(item));
}

/**
 * Returns `value` with each amount that equals the one in `live` written as in `live`. Another spelling is no change.
 */
export const asWrittenIn = <T>(schema: JsonSchema, value: T, live: unknown): T =>
  mapped(schema, value, live, (amount, now, before) => (isSameAmount(amount, now, before) ? before : now));

/**
 * Returns the value with bare numbers as text: `cpu: 1` becomes `cpu: "1"`. Durations stay, because they need a unit.
 */
export const withTextAmounts = <T>(schema: JsonSchema, value: T): T =>
  mapped(schema, value, undefined, (amount, now) =>
    typeof now === 'number' && amount['x-agentctl-amount'] !== 'duration' ? String(now) : now,
  );

/**
 * The suffixes of Kubernetes' quantities that schemas/ allows. Both parsers throw RangeError for anything else: call
 * them on valid objects.
 */
const factors: Record<string, number> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
};

/** Returns bytes: `512Mi` is 536870912, `2G` is 2000000000. Throws RangeError. */
export function parseMemory(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)(k|M|G|Ki|Mi|Gi)?$/.exec(text);
  const factor = factors[match?.[2] ?? ''];
  if (match === null || factor === undefined)
    throw new RangeError(`${JSON.stringify(text)} is not an amount of memory, such as 512Mi or 2G`);
  return Math.ceil(Number(match[1]) * factor);
}

/** Returns cores: `500m` is 0.5. Throws RangeError. */
export function parseCpu(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)(m?)$/.exec(text);
  if (match === null)
    throw new RangeError(`${JSON.stringify(text)} is not an amount of CPU, such as 2, 0.5 or 500m`);
  return Number(match[1]) / (match[2] === 'm' ? 1000 : 1);
}
