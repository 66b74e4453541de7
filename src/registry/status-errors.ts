import { ApiError } from '../api/errors.ts';
import { sizeFault, sizeOf } from '../api/json.ts';
import type { KindInfo } from '../api/kinds.ts';
import { isTerminating } from '../api/objects.ts';

/** The failures of an API server, with Kubernetes' messages (apimachinery, api/errors). */
const resourceName = (info: KindInfo): string =>
  info.group === '' ? info.plural : `${info.plural}.${info.group}`;

const detailsOf = (info: KindInfo, name: string) => ({ name, group: info.group, kind: info.plural });

export const notFound = (info: KindInfo, name: string): ApiError =>
  new ApiError('NotFound', `${resourceName(info)} ${JSON.stringify(name)} not found`, {
    details: detailsOf(info, name),
  });

/**
 * With Kubernetes' message. `there` is the object that has the name. If it is being deleted, the name is free again
 * when its finalizers are gone.
 */
export const alreadyExists = (
  info: KindInfo,
  name: string,
  there: Parameters<typeof isTerminating>[0] | undefined,
): ApiError => {
  const text = `${resourceName(info)} ${JSON.stringify(name)} already exists`;
  const going = there !== undefined && isTerminating(there);
  return new ApiError('AlreadyExists', going ? `object is being deleted: ${text}` : text, {
    details: detailsOf(info, name),
  });
};

export const conflict = (info: KindInfo, name: string, why: string, cause?: unknown): ApiError =>
  new ApiError(
    'Conflict',
    `Operation cannot be fulfilled on ${resourceName(info)} ${JSON.stringify(name)}: ${why}`,
    { details: detailsOf(info, name), cause },
  );

export const modified = (info: KindInfo, name: string, cause?: unknown): ApiError =>
  conflict(
    info,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
    cause,
  );

export const forbidden = (info: KindInfo, name: string, why: string): ApiError =>
  new ApiError('Forbidden', `${resourceName(info)} ${JSON.stringify(name)} is forbidden: ${why}`, {
    details: detailsOf(info, name),
  });

/** For kinds that are not in the store: the message says how their objects are created instead. */
export const readOnly = ({ plural }: KindInfo): ApiError =>
  new ApiError(
    'MethodNotAllowed',
    `${plural} are read-only: ${remedies[plural] ?? 'the controller creates them'}`,
  );

const remedies: Readonly<Record<string, string>> = {
  messages: 'use agentctl send, agentctl messages retry and agentctl messages cancel',
  conversations: 'use agentctl send and agentctl chat',
  approvals: 'use agentctl approve and agentctl deny',
};

export const badRequest = (message: string, cause?: unknown): ApiError =>
  new ApiError('BadRequest', message, { cause });

/** Throws if the object is too large, unless it was too large before and has not grown. */
export function refuseLarge(object: object, before: object = {}): void {
  const fault = sizeFault(sizeOf({ ...object }));
  if (fault === undefined) return;
  const said = (one: object) => sizeOf({ ...one, metadata: undefined });
  const [was, is] = [said(before), said(object)];
  const wasLarge = sizeFault(sizeOf({ ...before })) !== undefined;
  if (!wasLarge || is.values > was.values || is.characters > was.characters)
    throw new ApiError('RequestEntityTooLarge', fault);
}

export const versionOnNew = 'resourceVersion should not be set on objects to be created';
