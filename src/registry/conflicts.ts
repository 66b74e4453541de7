import { ApiError, type StatusCause } from '../api/errors.ts';
import { type FieldSet, members, pathText } from './fieldset.ts';
import type { Manager } from './managers.ts';

export interface Conflict {
  manager: Manager;
  fields: FieldSet;
}

function whoText({ manager, operation, apiVersion, subresource, time }: Manager): string {
  const name = JSON.stringify(manager);
  const who = subresource === undefined ? name : `${name} with subresource ${JSON.stringify(subresource)}`;
  if (operation === 'Apply') return who;
  return time === undefined ? `${who} using ${apiVersion}` : `${who} using ${apiVersion} at ${time}`;
}

/** The 409 of a server-side apply, in Kubernetes' words (apimachinery, managedfields NewConflictError). */
export function applyConflict(conflicts: readonly Conflict[]): ApiError {
  const found = conflicts
    .map(({ manager, fields }) => ({ who: whoText(manager), paths: [...members(fields)].map(pathText) }))
    .sort((one, other) => (one.who < other.who ? -1 : 1));
  const causes: StatusCause[] = found.flatMap(({ who, paths }) =>
    paths.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${who}`, field })),
  );
  const text = found.map(({ who, paths }) =>
    causes.length === 1
      ? `conflict with ${who}: ${paths[0]}`
      : [`conflicts with ${who}:`, ...paths.map((path) => `- ${path}`)].join('\n'),
  );
  const count = causes.length === 1 ? '1 conflict' : `${causes.length} conflicts`;
  return new ApiError('Conflict', `Apply failed with ${count}: ${text.join('\n')}`, { details: { causes } });
}
