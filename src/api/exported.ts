import { isObject, type JsonObject } from './schema.ts';

/** What the server sets, as `get -o yaml` shows it; who writes a manifest cannot know it. */
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
 * The object without what the server sets, and the names of these fields. With resourceVersion or uid it could be applied
 * only until somebody changes the object, or makes it anew.
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
  return { object: { ...rest, metadata: kept } as T, dropped }; // what is dropped is optional in what is written
}

/** Go programs write `creationTimestamp: null` and `status: {}` for what is not set. */
const isSaid = (value: unknown): boolean =>
  value !== undefined && value !== null && !(isObject(value) && isEmpty(value));

const isEmpty = (value: JsonObject): boolean => Object.keys(value).length === 0;

/** `metadata.uid and metadata.resourceVersion are set by the server, and ignored` */
export const droppedText = (dropped: readonly string[]): string =>
  `${dropped.join(', ')} ${dropped.length === 1 ? 'is' : 'are'} set by the server, and ignored here: remove ${dropped.length === 1 ? 'it' : 'them'} from the manifest`;
