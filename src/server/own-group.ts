import type { FastifyRequest } from 'fastify';
import { kindInfo, type Verb } from '../api/kinds.ts';
import type { Kind, ObjectKey } from '../api/objects.ts';
import { forbidden, localUser, mayUse } from './access.ts';
import { ownGroup } from './discovery.ts';

/** Of the controller's own paths; src/client/http-streams.ts and http-talk.ts ask for them. */
export const ownRoot = `/apis/${ownGroup}/v1`;

/** With a namespace and a name; `rest` as in `agents/:name/forecast`. */
export const ownPath = (rest: string): string => `${ownRoot}/namespaces/:namespace/${rest}`;

/** Who may do so to the object itself may do it here. */
export function allow(request: FastifyRequest, verb: Verb, kind: Kind): void {
  const info = kindInfo(kind);
  if (!mayUse(request.user.role, verb, info))
    throw forbidden(request.user, verb, `${info.plural}.${ownGroup}`);
}

/** What an ownPath says, to who may. */
export function allowedKey(request: FastifyRequest, verb: Verb, kind: Kind): ObjectKey {
  allow(request, verb, kind);
  const { namespace, name } = request.params as { namespace: string; name: string }; // as the routes name them
  return { namespace, name };
}

/**
 * Who does it: the user of the token, whatever the body says. Only the socket's user, who is admin, may name a person
 * (`named`): the command line tells whose login it is.
 */
export const personOf = ({ user }: FastifyRequest, named?: string): string =>
  user.name === localUser ? (named ?? 'user') : user.name;
