import { syncAnnotations } from '../../api/annotations.ts';
import { type Path, pathText } from '../../api/json.ts';
import { formatManifestError, namedTwice } from '../../api/manifest.ts';
import { type AnyObject, droppedText, type New, type Sync, withoutServerFields } from '../../api/objects.ts';
import { writtenWarnings } from '../../api/warnings.ts';
import type { Member } from '../../client/write-objects.ts';
import { type Bounds, outOfBounds, targetNamespace } from '../../plan/sync-bounds.ts';
import type { TimeSlice } from '../../platform/clock.ts';
import type { Manifests } from '../../sources/source.ts';
import { digest } from './known-objects.ts';
import type { Parsed, ReadOptions, SyncDocument } from './parsed.ts';

/** One object that a Sync applies, and its document. */
export interface SyncMember extends Member {
  document: SyncDocument;
  /** Digest of the manifest, including its place in the source. */
  digest: string;
}

/** Limit, because each object is dry-run, compared and kept in memory. */
export const mostObjects = 10_000;

/** Why a revision is not applied: the reason of the condition, and one line for each error. */
export interface Fault {
  reason: 'InvalidManifests' | 'NotAllowed' | 'Refused' | 'Conflict';
  text: string;
}

/** An error in a field whose line is not known yet. */
export interface Finding {
  reason: Fault['reason'];
  document: SyncDocument;
  path: Path;
  /** The field as it is shown to people. */
  field: string;
  message: string;
}

export interface ManifestDeps {
  bounds: Bounds;
  parsed: Parsed;
  reading: ReadOptions;
  slice: TimeSlice;
}

/** Returns the objects to apply, and all errors of all documents. Throws what Parsed.read throws. */
export async function membersOf(
  manifests: Manifests,
  deps: ManifestDeps,
): Promise<{ members: SyncMember[]; faults: Fault[]; warnings: string[] }> {
  const { bounds, parsed, reading, slice } = deps;
  const { documents, errors, moreErrors } = await parsed.read(manifests.files, reading);
  if (documents.length > mostObjects) {
    const text = `more than ${mostObjects} objects, the limit of a Sync: split them among several Syncs`;
    return { members: [], faults: [{ reason: 'InvalidManifests', text }], warnings: [] };
  }
  const namespace = targetNamespace(bounds.sync);
  const wrong = [
    ...namedTwice(documents, namespace).map(({ document, message }) =>
      invalid(document, ['metadata', 'name'], message),
    ),
    ...documents
      .filter(({ name }) => name === undefined)
      .map((document) => ({
        ...invalid(document, ['metadata'], 'is missing, but a Sync requires it'),
        field: 'metadata.name',
      })),
  ];
  const members: SyncMember[] = [];
  const outside: Finding[] = [];
  const warnings: string[] = [];
  for (const document of documents) {
    await slice.next();
    const { member, dropped } = memberOf(document, namespace, bounds.sync);
    members.push(member);
    const place = `${document.source}:${document.line}: ${document.info.kind}/${document.name ?? '?'}`;
    if (dropped.length > 0) warnings.push(`${place}: ${droppedText(dropped)}`);
    for (const text of writtenWarnings(document.info.kind, member.object)) warnings.push(`${place}: ${text}`);
    for (const { path, message } of outOfBounds(document.info, document.object, bounds))
      outside.push({ reason: 'NotAllowed', document, path, field: pathText(path), message });
  }
  const faults = [
    ...errors.map((error): Fault => ({ reason: 'InvalidManifests', text: formatManifestError(error) })),
    ...(await faultsAt(manifests, [...wrong, ...outside], deps)),
    ...(moreErrors > 0
      ? [{ reason: 'InvalidManifests' as const, text: `and ${moreErrors} more errors` }]
      : []),
  ];
  // A duplicate name within one file is reported by the file and by the set.
  return { members, faults: [...new Map(faults.map((fault) => [fault.text, fault])).values()], warnings };
}

const invalid = (document: SyncDocument, path: Path, message: string): Finding => ({
  reason: 'InvalidManifests',
  document,
  path,
  field: pathText(path),
  message,
});

/** Adds line numbers, which only the parser knows, to errors that only the whole set or the server can find. */
export async function faultsAt(
  { files }: Manifests,
  findings: readonly Finding[],
  { parsed, reading }: Pick<ManifestDeps, 'parsed' | 'reading'>,
): Promise<Fault[]> {
  if (findings.length === 0) return [];
  const places = await parsed.locate(files, findings, reading);
  return findings.map(({ reason, document: { source, line, info, name }, field, message }, at) => {
    const place = places[at] ?? { line, column: 1 };
    const error = { source, ...place, object: `${info.kind}/${name ?? '?'}`, path: field, message };
    return { reason, text: formatManifestError(error) };
  });
}

function memberOf(
  document: SyncDocument,
  target: string,
  { metadata }: Sync,
): { member: SyncMember; dropped: readonly string[] } {
  const { info, name = '', source } = document;
  const written = document.object as New<AnyObject>; // validated against the kind's schema
  const { object, dropped } = withoutServerFields(written);
  const { namespace: _, ...given } = object.metadata;
  const annotations = {
    ...given.annotations,
    [syncAnnotations.sync]: `${metadata.namespace}/${metadata.name}`,
    [syncAnnotations.path]: source,
  };
  const namespace = info.namespaced ? { namespace: target } : {};
  const whole = { ...object, metadata: { ...given, ...namespace, annotations } };
  const member = { document, info, key: { ...namespace, name }, object: whole, digest: digest(whole) };
  return { member, dropped };
}

/** Returns the member with the revision that it comes from. */
export function fromRevision(member: SyncMember, revision: string): SyncMember {
  const { object } = member;
  const annotations = { ...object.metadata.annotations, [syncAnnotations.revision]: revision };
  return { ...member, object: { ...object, metadata: { ...object.metadata, annotations } } };
}
