import type { KindInfo } from '../api/kinds.ts';
import type { Kind } from '../api/objects.ts';
import type { Clock } from '../platform/clock.ts';
import type { Ids } from '../platform/ids.ts';
import type { Log } from '../platform/log.ts';
import type { Turns } from '../platform/time-slice.ts';
import { encodeManagers, type Manager, type Writer } from './managers.ts';
import type { AnyResource, RegistryWriteOptions } from './object.ts';
import type { Records } from './records.ts';

export interface Context {
  records: Records;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** Yields to other work between writes. */
  turns: Turns;
  /** Finalizers of controllers, by the kind whose new objects get them. */
  finalizers: Partial<Record<Kind, string>>;
}

export const writerOf = (
  info: KindInfo,
  operation: Writer['operation'],
  { fieldManager, subresource }: RegistryWriteOptions,
): Writer => ({
  manager: fieldManager ?? 'unknown',
  operation,
  apiVersion: info.apiVersion,
  ...(subresource === undefined ? {} : { subresource }),
});

export function withoutManagers(object: AnyResource): AnyResource {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

export function withManagers(object: AnyResource, managers: readonly Manager[]): AnyResource {
  const managedFields = encodeManagers(managers);
  const bare = withoutManagers(object);
  return managedFields.length === 0 ? bare : { ...bare, metadata: { ...bare.metadata, managedFields } };
}
