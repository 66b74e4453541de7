import { authorAnnotation, authorOf } from '../api/author.ts';
import { deepEqual } from '../api/equal.ts';
import type { KindInfo } from '../api/kinds.ts';
import type { Kind } from '../api/objects.ts';
import { isObject } from '../api/schema.ts';
import type { AnyResource, RegistryWriteOptions } from './object.ts';

/**
 * The annotation agentctl.dev/author (see src/api/author.ts). It is taken off whatever comes in and off what is there, so
 * that it is nobody's field and no manifest's, and is put on again last.
 */

/** What runs, what says what runs, and what that reads. */
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
 * Whose the object is after a write that makes `next` of `live`, both without their author. It stays whoever writes
 * later, until a trusted write takes the annotation away (`removed`).
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

/** All but how many there are, whether they run, and what is not the writer's. */
function substance({ metadata: _, status: __, spec, ...rest }: AnyResource): unknown {
  if (!isObject(spec)) return { ...rest, spec };
  const { replicas: _replicas, suspend: _suspend, ...kept } = spec;
  return { ...rest, spec: kept };
}

/** Told where a client sends what only the server sets. `annotations`: as they were sent. */
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

/** Told where a trusted client takes the annotation away: what the object says is trusted as its own from then on. */
export function warnOfTakeOver(
  live: AnyResource,
  author: string | undefined,
  { warn }: RegistryWriteOptions,
): void {
  const before = authorOf(live);
  if (before !== undefined && author === undefined)
    warn?.(`${authorAnnotation} is removed: you are now the author of what ${JSON.stringify(before)} wrote`);
}
