import {
  formatManifestError,
  type ManifestDocument,
  type ManifestError,
  namedTwice,
} from '../../api/manifest.ts';
import type { AnyObject, New, Sync } from '../../api/objects.ts';
import { pathText } from '../../api/path.ts';
import { syncAnnotations } from '../../api/sync.ts';
import type { Member } from '../../client/apply/member.ts';
import { type Bounds, outOfBounds, targetNamespace } from '../../plan/sync/bounds.ts';
import type { Manifests } from '../../sources/source.ts';
import { digest } from './known.ts';
import type { Parsed } from './parsed.ts';

/** One object that a Sync applies, with the document that it stands in. */
export interface SyncMember extends Member {
  document: ManifestDocument;
  /** Of what the manifest says, its place in the source included. */
  digest: string;
}

/** Each is tried, compared and kept in memory. */
const mostObjects = 10_000;

/** Why a revision is not applied: the condition's reason, and a line for each thing that is wrong. */
export interface Fault {
  reason: 'InvalidManifests' | 'NotAllowed' | 'Refused' | 'Conflict';
  text: string;
}

/** From files to what is to be applied. Everything that is wrong with any document is told. */
export async function membersOf(
  manifests: Manifests,
  bounds: Bounds,
  parsed: Parsed,
): Promise<{ members: SyncMember[]; faults: Fault[] }> {
  const { documents, errors } = await parsed.read(manifests.files);
  if (documents.length > mostObjects) {
    const text = `there are ${documents.length} objects, and one Sync applies at most ${mostObjects}: split them among several`;
    return { members: [], faults: [{ reason: 'InvalidManifests', text }] };
  }
  const namespace = targetNamespace(bounds.sync);
  const unnamed = documents
    .filter(({ name }) => name === undefined)
    .map((document) => at(document, ['metadata'], 'metadata.name', 'is missing, and a Sync needs it'));
  const wrong = [...errors, ...namedTwice(documents, namespace), ...unnamed];
  const outside = documents.flatMap((document) =>
    outOfBounds(document.info, document.object, bounds).map(({ path, message }) =>
      at(document, path, pathText(path), message),
    ),
  );
  return {
    members: documents.map((document) => memberOf(document, namespace, bounds.sync)),
    faults: [...faults('InvalidManifests', wrong), ...faults('NotAllowed', outside)],
  };
}

/** Of a name that stands twice in one file both the file and the set tell. */
const faults = (reason: Fault['reason'], errors: readonly ManifestError[]): Fault[] =>
  [...new Set(errors.map(formatManifestError))].map((text) => ({ reason, text }));

/** An error that only the whole set, or the server, can find. */
export const at = (
  document: ManifestDocument,
  path: readonly (string | number)[],
  field: string,
  message: string,
): ManifestError => ({
  source: document.source,
  ...document.locate(path),
  object: `${document.info.kind}/${document.name ?? '?'}`,
  path: field,
  message,
});

function memberOf(document: ManifestDocument, target: string, { metadata }: Sync): SyncMember {
  const { info, name = '', source } = document;
  const object = document.object as New<AnyObject>; // validated against the kind's schema
  const { namespace: _, ...given } = object.metadata;
  const annotations = {
    ...given.annotations,
    [syncAnnotations.sync]: `${metadata.namespace}/${metadata.name}`,
    [syncAnnotations.path]: source,
  };
  const namespace = info.namespaced ? { namespace: target } : {};
  const whole = { ...object, metadata: { ...given, ...namespace, annotations } };
  return { document, info, key: { ...namespace, name }, object: whole, digest: digest(whole) };
}

/** The member with the revision that it comes from. */
export function fromRevision(member: SyncMember, revision: string): SyncMember {
  const { object } = member;
  const annotations = { ...object.metadata.annotations, [syncAnnotations.revision]: revision };
  return { ...member, object: { ...object, metadata: { ...object.metadata, annotations } } };
}
