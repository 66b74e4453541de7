import { isObject } from '../api/json.ts';
import type { ManagedFieldsEntry } from '../api/objects.ts';
import { isTime } from '../api/time.ts';
import { type FieldSet, isEmpty, union } from './fieldset.ts';

/** The writer, and how it writes. Together with `fields` and `time`, an entry of managedFields. */
export interface Writer {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  subresource?: string | undefined;
}

export interface Manager extends Writer {
  time?: string | undefined;
  fields: FieldSet;
}

/** Whether both are the same manager. The API version matters only for updates. */
export const isSameWriter = (one: Writer, other: Writer): boolean =>
  one.manager === other.manager &&
  one.operation === other.operation &&
  one.subresource === other.subresource &&
  (one.operation === 'Apply' || one.apiVersion === other.apiVersion);

/** Converts the entries of a stored object, which encodeManagers wrote. */
export const storedManagers = (entries: readonly ManagedFieldsEntry[] | undefined): Manager[] =>
  (entries ?? []).map(({ fieldsV1, fieldsType: _, ...entry }) => ({ ...entry, fields: fieldsV1 }) as Manager);

/** Converts entries that a client sent. Invalid entries are dropped, as in Kubernetes. */
export function decodeManagers(entries: readonly ManagedFieldsEntry[] | undefined): Manager[] {
  return (entries ?? []).flatMap((entry: unknown) => {
    if (!isObject(entry)) return [];
    const { manager = '', operation, apiVersion = '', subresource, time, fieldsV1 } = entry;
    if (operation !== 'Apply' && operation !== 'Update') return [];
    if (typeof manager !== 'string' || typeof apiVersion !== 'string' || !isFieldSet(fieldsV1)) return [];
    return [
      {
        manager,
        operation,
        apiVersion,
        ...(typeof subresource === 'string' ? { subresource } : {}),
        ...(typeof time === 'string' && isTime(time) ? { time } : {}),
        fields: fieldsV1,
      },
    ];
  });
}

function isFieldSet(value: unknown): value is FieldSet {
  return (
    isObject(value) &&
    Object.entries(value).every(
      ([element, child]) => (element === '.' || /^[fkvi]:/.test(element)) && isFieldSet(child),
    )
  );
}

const mostUpdaters = 10; // managedfields: DefaultMaxUpdateManagers

/**
 * Merges the oldest update managers if there are too many. Otherwise new names would make the list grow without limit.
 */
function capped(managers: readonly Manager[]): readonly Manager[] {
  const updaters = managers.filter(({ operation }) => operation === 'Update');
  if (updaters.length <= mostUpdaters) return managers;
  const byAge = updaters.toSorted((one, other) => order(one.time ?? '', other.time ?? ''));
  const oldest = byAge.slice(0, updaters.length - mostUpdaters + 1);
  const fields = oldest.reduce((all, manager) => union(all, manager.fields), {});
  const { apiVersion = '', time } = oldest.at(-1) ?? {};
  return [
    ...managers.filter((manager) => !oldest.includes(manager)),
    { manager: 'ancient-changes', operation: 'Update', apiVersion, time, fields },
  ];
}

/** Sorts like Kubernetes: Apply first, then by time, name, version and subresource. An empty set gets no entry. */
export function encodeManagers(managers: readonly Manager[]): ManagedFieldsEntry[] {
  return capped(managers.filter(({ fields }) => !isEmpty(fields)))
    .map(({ manager, operation, apiVersion, subresource, time, fields }) => ({
      manager,
      operation,
      apiVersion,
      ...(time === undefined ? {} : { time }),
      fieldsType: 'FieldsV1',
      fieldsV1: fields,
      ...(subresource === undefined ? {} : { subresource }),
    }))
    .sort(
      (one, other) =>
        order(one.operation, other.operation) ||
        order(one.time ?? '', other.time ?? '') ||
        order(one.manager, other.manager) ||
        order(one.apiVersion, other.apiVersion) ||
        order(one.subresource ?? '', other.subresource ?? ''),
    );
}

const order = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

/** Whether a client sent `[{}]`, which empties the list. */
export const isReset = (entries: readonly ManagedFieldsEntry[] | undefined): boolean =>
  entries?.length === 1 && isObject(entries[0]) && isEmpty(entries[0]);
