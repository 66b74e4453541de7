import type { ApiError, StatusCause } from '../../api/errors.ts';

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

/** `spec.replicas is applied by "agentctl" too`, for people. */
export const rivalText = ({ manager, field }: Rival): string =>
  `${field} is applied by ${JSON.stringify(manager)} too, with another value`;
