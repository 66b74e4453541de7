import type { FastifyRequest } from 'fastify';
import { kindInfo, type Verb } from '../api/kinds.ts';
import type { Kind, ObjectKey } from '../api/objects.ts';
import { forbidden, localUser, mayUse } from './access.ts';
import { ownGroup } from './discovery.ts';

/** The root of the controller's own paths. src/client/http-streams.ts uses them. */
export const ownRoot = `/apis/${ownGroup}/v1`;

/** Returns a path with a namespace and a name; `rest` is for example `agents/:name/forecast`. */
export const ownPath = (rest: string): string => `${ownRoot}/namespaces/:namespace/${rest}`;

/** Requires the permission that the same verb on the object itself requires. */
export function allow(request: FastifyRequest, verb: Verb, kind: Kind): void {
  const info = kindInfo(kind);
  if (!mayUse(request.user.role, verb, info))
    throw forbidden(request.user, verb, `${info.plural}.${ownGroup}`);
}

/** Returns the key in an ownPath, if the user has permission. */
export function allowedKey(request: FastifyRequest, verb: Verb, kind: Kind): ObjectKey {
  allow(request, verb, kind);
  const { namespace, name } = request.params as { namespace: string; name: string }; // as the routes name them
  return { namespace, name };
}

/**
 * Returns who acts: the user of the token, whatever the body says. Only the socket's user, who is admin, may name a
 * person (`named`): the command line reports the login of its user.
 */
export const personOf = ({ user }: FastifyRequest, named?: string): string =>
  user.name === localUser ? (named ?? 'user') : user.name;
