import { createHash, timingSafeEqual } from 'node:crypto';
import { ApiError } from '../api/errors.ts';
import type { KindInfo, Verb } from '../api/kinds.ts';

/** admin may all; edit all that is in a namespace, and read the rest; view may read, but no Secrets. */
export type Role = 'admin' | 'edit' | 'view';

export interface Token {
  token: string;
  role: Role;
  /** For messages and logs, which never show the token. */
  name: string;
}

export interface User {
  name: string;
  role: Role;
}

/** Who a request is from, by its Authorization header. ApiError Unauthorized. */
export type Authenticate = (authorization: string | undefined) => User;

export const localUser = 'local';

/** The socket's file mode has let the user in. */
export const socketUser: Authenticate = () => ({ name: localUser, role: 'admin' });

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Compares digests of equal length, and with every token: the time taken tells nothing. */
export function bearerTokens(tokens: readonly Token[]): Authenticate {
  const known = tokens.map(({ token, name, role }) => ({ hash: digest(token), user: { name, role } }));
  return (authorization) => {
    const given = digest(/^bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? '');
    let found: User | undefined;
    for (const { hash, user } of known) if (timingSafeEqual(hash, given)) found = user;
    if (found === undefined) throw new ApiError('Unauthorized', 'Unauthorized');
    return found;
  };
}

const reads: readonly Verb[] = ['get', 'list', 'watch'];

export function mayUse(role: Role, verb: Verb, info: Pick<KindInfo, 'kind' | 'namespaced'>): boolean {
  switch (role) {
    case 'admin':
      return true;
    case 'edit':
      return info.namespaced || reads.includes(verb);
    case 'view':
      return reads.includes(verb) && info.kind !== 'Secret';
  }
}

export function forbidden(user: User, verb: string, what: string): ApiError {
  return new ApiError(
    'Forbidden',
    `${what} is forbidden: User "${user.name}" cannot ${verb} it: the role ${user.role} does not allow that`,
  );
}
