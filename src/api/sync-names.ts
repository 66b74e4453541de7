import type { ObjectKey, SyncSpec } from './objects.ts';

/** A request with this suffix takes over the fields of other appliers once, like apply --force-conflicts. */
export const takingOver = ' force-conflicts';

/** Returns the field manager of a Sync (server-side apply). */
export const syncManager = ({ namespace = 'default', name }: ObjectKey): string =>
  `sync/${namespace}/${name}`;

/** Returns the Sync of such a field manager; undefined if it is another manager. */
export function syncOfManager(manager: string): { namespace: string; name: string } | undefined {
  const [, namespace, name] = /^sync\/([^/]+)\/([^/]+)$/.exec(manager) ?? [];
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

/** Formats a revision for people: `main@3f1c2a90b1d2`. The revision of a folder is `sha256:` and a hash. */
export function revisionText(revision: string, reference?: string): string {
  const short = revision.startsWith('sha256:') ? revision.slice(0, 19) : revision.slice(0, 12);
  const name = reference?.replace(/^refs\/(heads|tags)\//, '');
  return name === undefined || name === '' ? short : `${name}@${short}`;
}

/** Whether the source is a folder of the controller's host. */
export const readsHost = ({ source }: SyncSpec): boolean =>
  source.directory !== undefined || source.git?.url.toLowerCase().startsWith('file:') === true;
