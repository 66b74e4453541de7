import { isObject, type JsonObject } from './schema.ts';

/** The fields that the server sets. `get -o yaml` shows them, but a manifest cannot know them. */
const serverFields = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
  'managedFields',
] as const;

/**
 * Returns the object without the fields that the server sets, and the names of the removed fields. With resourceVersion
 * or uid, the manifest could be applied only until somebody changes or recreates the object.
 */
export function withoutServerFields<T extends { metadata: object; status?: unknown }>(
  object: T,
): { object: T; dropped: string[] } {
  const { status, ...rest } = object;
  const metadata = Object.entries(object.metadata);
  const isServers = (name: string): boolean => serverFields.some((field) => field === name);
  const dropped = [
    ...metadata
      .filter(([name, value]) => isServers(name) && isSaid(value))
      .map(([name]) => `metadata.${name}`),
    ...(isSaid(status) ? ['status'] : []),
  ];
  const kept = Object.fromEntries(metadata.filter(([name]) => !isServers(name)));
  return { object: { ...rest, metadata: kept } as T, dropped }; // the removed fields are optional in T
}

/** Go programs write `creationTimestamp: null` and `status: {}` for unset fields. */
const isSaid = (value: unknown): boolean =>
  value !== undefined && value !== null && !(isObject(value) && isEmpty(value));

const isEmpty = (value: JsonObject): boolean => Object.keys(value).length === 0;

/** For example `metadata.uid and metadata.resourceVersion are set by the server, and ignored`. */
export const droppedText = (dropped: readonly string[]): string =>
  `${dropped.join(', ')} ${dropped.length === 1 ? 'is' : 'are'} set by the server, and ignored here: remove ${dropped.length === 1 ? 'it' : 'them'} from the manifest`;
