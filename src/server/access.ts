import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { isObject } from '../api/json.ts';
import { type KindInfo, kinds, type Verb, verbs } from '../api/kinds.ts';
import type { Kind } from '../api/objects.ts';
import { answer } from './answer.ts';
import { objectBody } from './request-body.ts';

/**
 * `admin` may do everything; `edit` may write everything in a namespace and read the rest; `view` may read everything
 * except Secrets.
 */
export type Role = 'admin' | 'edit' | 'view';

export interface Token {
  token: string;
  role: Role;
  /** Used in messages and logs, which never show the token. */
  name: string;
}

export interface User {
  name: string;
  role: Role;
}

/** Returns the user of a request from its Authorization header. Throws ApiError Unauthorized. */
export type Authenticate = (authorization: string | undefined) => User;

export const localUser = 'local';

/**
 * The socket's file mode has already authenticated the user. A token means that the client wants to act as another
 * user, maybe with fewer permissions, so it is refused instead of ignored.
 */
export const socketUser: Authenticate = (authorization) => {
  if (authorization === undefined) return { name: localUser, role: 'admin' };
  throw new ApiError(
    'Unauthorized',
    'the socket does not accept an Authorization header: its user is always the admin. Send the request to the address of --listen.',
  );
};

const impersonated: Readonly<Record<string, readonly [resource: string, group: string]>> = {
  'impersonate-user': ['users', ''],
  'impersonate-group': ['groups', ''],
  'impersonate-uid': ['uids', 'authentication.k8s.io'],
};

export const impersonates = (header: string): boolean => header.startsWith('impersonate-');

/**
 * Refuses impersonation (kubectl --as): if the headers were ignored, the request would be done with the sender's own
 * permissions. Throws Forbidden, with the message of a kube-apiserver.
 */
export function refuseImpersonation(headers: IncomingHttpHeaders, { name }: User): void {
  const sent = Object.keys(headers).filter(impersonates);
  const header = Object.keys(impersonated).find((known) => sent.includes(known)) ?? sent[0];
  if (header === undefined) return;
  const [resource, group] = impersonated[header] ?? ['userextras', 'authentication.k8s.io'];
  throw new ApiError(
    'Forbidden',
    `${group === '' ? resource : `${resource}.${group}`} ${JSON.stringify(String(headers[header]))} is forbidden: User "${name}" cannot impersonate resource "${resource}" in API group "${group}" at the cluster scope`,
  );
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Compares digests of equal length, with every token, so that the time reveals nothing. */
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
const writes: readonly Verb[] = ['create', 'update', 'patch'];

/**
 * What only the controller may write, whatever the role, because it trusts these objects. A forged Revision would run
 * as the Agent; a forged Instance or status would start, stop or hide a run.
 */
const reserved: Readonly<Partial<Record<Kind, readonly Verb[]>>> = {
  Revision: [...writes, 'delete', 'deletecollection'],
  Instance: writes,
  Event: writes,
};

/** An Event records what a user did. Write access to a namespace must not allow its removal. */
const adminOnly: Readonly<Partial<Record<Kind, readonly Verb[]>>> = { Event: ['delete', 'deletecollection'] };

export type Subresource = 'status' | 'scale' | undefined;

/** Whether only the controller may do this. The controller writes in process, so no HTTP request comes from it. */
export const isReserved = (verb: Verb, { kind }: Pick<KindInfo, 'kind'>, subresource: Subresource): boolean =>
  (subresource === 'status' && writes.includes(verb)) || reserved[kind]?.includes(verb) === true;

export function mayUse(
  role: Role,
  verb: Verb,
  info: Pick<KindInfo, 'kind' | 'namespaced'>,
  subresource?: Subresource,
): boolean {
  if (isReserved(verb, info, subresource)) return false;
  switch (role) {
    case 'admin':
      return true;
    case 'edit':
      return reads.includes(verb) || (info.namespaced && adminOnly[info.kind]?.includes(verb) !== true);
    case 'view':
      return reads.includes(verb) && info.kind !== 'Secret';
  }
}

export function forbidden(user: User, verb: string, what: string): ApiError {
  return cannot(user, verb, what, `the role ${user.role} does not allow that`);
}

/** For what `isReserved` refuses. */
export function onlyController(user: User, verb: string, what: string): ApiError {
  return cannot(user, verb, what, 'only the controller can do that');
}

const cannot = ({ name }: User, verb: string, what: string, why: string): ApiError =>
  new ApiError('Forbidden', `${what} is forbidden: User "${name}" cannot ${verb} it: ${why}`);

/** Serves `kubectl auth can-i`. k9s shows only resources for which it got a yes here. */
export function accessReviewRoutes(app: FastifyInstance): void {
  app.post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', async (request, reply) => {
    const { spec } = objectBody(request);
    const about = isObject(spec) && isObject(spec.resourceAttributes) ? spec.resourceAttributes : {};
    const status = { allowed: allows(request.user, about) };
    const review = { kind: 'SelfSubjectAccessReview', apiVersion: 'authorization.k8s.io/v1' };
    return answer(
      request,
      reply,
      { ...review, metadata: { creationTimestamp: null }, spec: spec ?? {}, status },
      201,
    );
  });
}

/** `*` asks about every verb or resource that any role may have. What is not served is allowed to no role. */
function allows(user: User, about: Readonly<Record<string, unknown>>): boolean {
  const { group = '', resource, verb } = about;
  const below = subresources.find((known) => known === about.subresource);
  const asked: readonly Verb[] = verb === '*' ? verbs : verbs.filter((known) => known === verb);
  const meant = kinds.filter(
    (info) => (resource === '*' || info.plural === resource) && (group === '*' || info.group === group),
  );
  const pairs = meant
    .flatMap((info) => asked.map((one) => ({ info, one })))
    .filter(({ info, one }) => resource !== '*' || !isReserved(one, info, below));
  return pairs.length > 0 && pairs.every(({ info, one }) => mayUse(user.role, one, info, below));
}

const subresources: readonly Subresource[] = ['status', 'scale'];
