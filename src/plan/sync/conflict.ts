import type { ApiError, StatusCause } from '../../api/errors.ts';
import { listed } from '../../api/listed.ts';
import type { SyncSpec } from '../../api/objects.ts';
import { syncAnnotations } from '../../api/sync.ts';

/** Whom a server-side apply is in conflict with. */
export interface Rival {
  manager: string;
  /** It applies the field, so it wants it again; otherwise it changed it once. */
  applies: boolean;
  field: string;
}

/** Reads the causes of a Conflict, in Kubernetes' words (apimachinery, managedfields NewConflictError): only an Update has "using". */
export function rivals(error: ApiError): Rival[] {
  return (error.details?.causes ?? []).filter(isOfManager).map(({ message, field = '' }) => {
    const [, manager = '"?"', rest = ''] = /^conflict with ("(?:[^"\\]|\\.)*")(.*)$/s.exec(message) ?? [];
    return { manager: JSON.parse(manager), applies: !/ using /.test(rest), field: field.replace(/^\./, '') };
  });
}

const isOfManager = ({ reason }: StatusCause): boolean => reason === 'FieldManagerConflict';

/** Whoever changed a field once does not want it again by himself, as whoever applies it does: it may be taken back. */
export const mayTakeBack = (found: readonly Rival[]): boolean =>
  found.length > 0 && found.every(({ applies }) => !applies);

/** `spec.replicas is applied by "agentctl" too, with another value than "sync/default/fleet"`, which is `own`; for people. */
export function rivalsText(all: readonly Rival[], own: string): string {
  const appliers = all.filter(({ applies }) => applies);
  const name = JSON.stringify(own);
  const texts = appliers
    .filter(({ field }) => !field.includes(syncAnnotations.sync)) // these notes differ between any two Syncs
    .map(({ manager, field }) => `${field} is also applied by ${JSON.stringify(manager)}`);
  if (texts.length > 0) return `${listed(texts)}, with another value than ${name}`;
  const managers = [...new Set(appliers.map(({ manager }) => JSON.stringify(manager)))];
  return `it is applied by ${listed(managers, { separator: ' and ' })} as well as by ${name}`;
}

/** Whether so many deletions at once wait for a person. */
export function waitsForApproval(
  { source, maxPrunePercent }: Pick<SyncSpec, 'source' | 'maxPrunePercent'>,
  { deletes, inventory, manifests }: { deletes: number; inventory: number; manifests: number },
): boolean {
  if (deletes === 0) return false;
  // What is left of a folder when its disk is not mounted is an empty one.
  if (source.directory !== undefined && manifests === 0) return true;
  return deletes * 100 > inventory * maxPrunePercent;
}
