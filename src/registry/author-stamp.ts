import { authorAnnotation, authorOf } from '../api/annotations.ts';
import { deepEqual, isObject } from '../api/json.ts';
import type { KindInfo } from '../api/kinds.ts';
import type { Kind } from '../api/objects.ts';
import type { AnyResource, RegistryWriteOptions } from './object.ts';

/**
 * The annotation agentctl.dev/author (see src/api/annotations.ts). It is removed from the sent and from the live object, so
 * that no field manager owns it and no manifest sets it. The last step of a write adds it again.
 */

/** Kinds with an author: what runs, what decides what runs, and what these read. */
const authored: readonly Kind[] = ['Agent', 'Policy', 'Sync', 'Revision', 'Secret', 'ConfigMap'];

export function withoutAuthor(object: AnyResource): AnyResource {
  if (authorOf(object) === undefined) return object;
  const { annotations, ...metadata } = object.metadata;
  const { [authorAnnotation]: _, ...others } = annotations ?? {};
  const kept = Object.keys(others).length === 0 ? metadata : { ...metadata, annotations: others };
  return { ...object, metadata: kept };
}

export function withAuthor(object: AnyResource, author: string | undefined): AnyResource {
  if (author === undefined) return object;
  const annotations = { ...object.metadata.annotations, [authorAnnotation]: author };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/**
 * Returns the author of the object after a write that changes `live` to `next`; both have no author annotation. A later
 * trusted write does not change the author, unless it removes the annotation (`removed`).
 */
export function nextAuthor(
  info: KindInfo,
  { live, next, removed }: { live: AnyResource | undefined; next: AnyResource; removed: boolean },
  { author, subresource }: RegistryWriteOptions,
): string | undefined {
  const before = live === undefined ? undefined : authorOf(live);
  if (!authored.includes(info.kind) || subresource !== undefined) return before;
  if (author === undefined) return removed ? undefined : before;
  return live === undefined || !deepEqual(substance(live), substance(next)) ? author : before;
}

/**
 * The fields that count as written by an author: not the number of instances, not whether they run, and not the
 * server's fields.
 */
function substance({ metadata: _, status: __, spec, ...rest }: AnyResource): unknown {
  if (!isObject(spec)) return { ...rest, spec };
  const { replicas: _replicas, suspend: _suspend, ...kept } = spec;
  return { ...rest, spec: kept };
}

/** Warns a client that sends the annotation, which only the server sets. `annotations` are those that were sent. */
export function warnOfAuthor(
  sent: AnyResource,
  author: string | undefined,
  { warn }: RegistryWriteOptions,
): void {
  const claimed = authorOf(sent);
  if (claimed !== undefined && claimed !== author)
    warn?.(
      `metadata.annotations[${authorAnnotation}] is set by the server: ${JSON.stringify(claimed)} is ignored`,
    );
}

/** Warns a trusted client that removes the annotation: from then on the object is trusted as that client's own. */
export function warnOfTakeOver(
  live: AnyResource,
  author: string | undefined,
  { warn }: RegistryWriteOptions,
): void {
  const before = authorOf(live);
  if (before !== undefined && author === undefined)
    warn?.(`${authorAnnotation} is removed: you are now the author of what ${JSON.stringify(before)} wrote`);
}
