import type { FastifyInstance } from 'fastify';
import { kinds, type Verb, verbs } from '../api/kinds.ts';
import { isObject } from '../api/schema.ts';
import { isReserved, mayUse, type Subresource, type User } from './access.ts';
import { answer } from './answer.ts';
import { objectBody } from './request-body.ts';

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
