import { syncAnnotations } from '../../api/annotations.ts';
import type { ApiError, StatusCause } from '../../api/errors.ts';
import { listed } from '../../api/listed.ts';
import type { SyncSpec } from '../../api/objects.ts';

/** The field manager that a server-side apply conflicts with. */
export interface Rival {
  manager: string;
  /** true: it applies the field, and will do so again. false: it changed the field once, with an update. */
  applies: boolean;
  field: string;
}

/**
 * Parses the causes of a Conflict. The text is that of Kubernetes (apimachinery, managedfields NewConflictError): only
 * an Update has "using".
 */
export function rivals(error: ApiError): Rival[] {
  return (error.details?.causes ?? []).filter(isOfManager).map(({ message, field = '' }) => {
    const [, manager = '"?"', rest = ''] = /^conflict with ("(?:[^"\\]|\\.)*")(.*)$/s.exec(message) ?? [];
    return { manager: JSON.parse(manager), applies: !/ using /.test(rest), field: field.replace(/^\./, '') };
  });
}

const isOfManager = ({ reason }: StatusCause): boolean => reason === 'FieldManagerConflict';

/**
 * Whether the field may be taken over. A manager that changed it once does not set it again, but one that applies it
 * does.
 */
export const mayTakeBack = (found: readonly Rival[]): boolean =>
  found.length > 0 && found.every(({ applies }) => !applies);

/** For people: who else applies the fields with another value than `own`. */
export function rivalsText(all: readonly Rival[], own: string): string {
  const appliers = all.filter(({ applies }) => applies);
  const name = JSON.stringify(own);
  const texts = appliers
    .filter(({ field }) => !field.includes(syncAnnotations.sync)) // these annotations differ between any two Syncs
    .map(({ manager, field }) => `${field} is also applied by ${JSON.stringify(manager)}`);
  if (texts.length > 0) return `${listed(texts)}, with another value than ${name}`;
  const managers = [...new Set(appliers.map(({ manager }) => JSON.stringify(manager)))];
  return `it is applied by ${listed(managers, { separator: ' and ' })} as well as by ${name}`;
}

/** Whether this many deletions at once wait for the approval of a person. */
export function waitsForApproval(
  { source, maxPrunePercent }: Pick<SyncSpec, 'source' | 'maxPrunePercent'>,
  { deletes, inventory, manifests }: { deletes: number; inventory: number; manifests: number },
): boolean {
  if (deletes === 0) return false;
  // A folder whose disk is not mounted is empty.
  if (source.directory !== undefined && manifests === 0) return true;
  return deletes * 100 > inventory * maxPrunePercent;
}
