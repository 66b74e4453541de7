import { syncAnnotations } from '../../api/annotations.ts';
import type { AnyObject } from '../../api/objects.ts';
import { revisionText } from '../../api/sync-names.ts';
import type { Client } from '../cli.ts';
import { found } from '../found.ts';

type Annotations = Record<string, string>;

const origin: readonly string[] = [syncAnnotations.sync, syncAnnotations.revision, syncAnnotations.path];

export const withoutOrigin = (annotations: Annotations = {}): Annotations =>
  annotations[syncAnnotations.sync] === undefined
    ? annotations
    : Object.fromEntries(Object.entries(annotations).filter(([name]) => !origin.includes(name)));

/** Returns the Sync that applies the object, the revision that last changed it, and its file. */
export function originText(annotations: Annotations = {}): string | undefined {
  const [sync, revision, path] = origin.map((name) => annotations[name]);
  if (sync === undefined) return undefined;
  return [sync, revision === undefined ? undefined : revisionText(revision), path]
    .filter((part) => part !== undefined)
    .join(', ');
}

/** Returns the object as it is described: marks the name of its Sync if the Sync is gone. */
export async function withKnownOrigin<T extends AnyObject>(client: Client, object: T): Promise<T> {
  const { annotations } = object.metadata;
  const sync = annotations?.[syncAnnotations.sync];
  const [namespace, name] = sync?.split('/') ?? [];
  if (namespace === undefined || name === undefined) return object;
  if ((await found(client.get('Sync', { namespace, name }))) !== undefined) return object;
  const told = { ...annotations, [syncAnnotations.sync]: `${sync} (deleted)` };
  return { ...object, metadata: { ...object.metadata, annotations: told } };
}
