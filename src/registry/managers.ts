import type { ManagedFieldsEntry } from '../api/objects.ts';
import { isObject } from '../api/schema.ts';
import type { FieldSet } from './fieldset.ts';
import { isEmpty } from './fieldset.ts';

/** Who writes, and how: with `fields` and `time` the key of an entry of managedFields. */
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

/** An applier stays the same over versions of the API; one who updates does not. */
export const isSameWriter = (one: Writer, other: Writer): boolean =>
  one.manager === other.manager &&
  one.operation === other.operation &&
  one.subresource === other.subresource &&
  (one.operation === 'Apply' || one.apiVersion === other.apiVersion);

/** Entries that make no sense are dropped, as Kubernetes does with what it cannot decode. */
export function decodeManagers(entries: readonly ManagedFieldsEntry[] | undefined): Manager[] {
  return (entries ?? []).flatMap((entry) => {
    const { manager, operation, apiVersion, subresource, time, fieldsV1 } = entry;
    if (operation === undefined || !isFieldSet(fieldsV1)) return [];
    return [
      {
        manager: manager ?? '',
        operation,
        apiVersion: apiVersion ?? '',
        ...(subresource === undefined ? {} : { subresource }),
        ...(time === undefined ? {} : { time }),
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

/** Sorted as Kubernetes does: Apply first, then by time, name, version and subresource. An empty set gets no entry. */
export function encodeManagers(managers: readonly Manager[]): ManagedFieldsEntry[] {
  return managers
    .filter(({ fields }) => !isEmpty(fields))
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

/** A client that sends `[{}]` asks for the list to be emptied. */
export const isReset = (entries: readonly ManagedFieldsEntry[] | undefined): boolean =>
  entries?.length === 1 && entries[0] !== undefined && isEmpty(entries[0]);
