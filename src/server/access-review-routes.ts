import type { FastifyInstance } from 'fastify';
import { kinds, type Verb, verbs } from '../api/kinds.ts';
import { isObject } from '../api/schema.ts';
import { mayUse, type User } from './access.ts';
import { answer } from './answer.ts';
import { objectBody } from './body.ts';

/** `kubectl auth can-i`; k9s shows nothing that it has not asked this about. */
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

/** `*` asks for all of them. What is not served is allowed to nobody. */
function allows(user: User, about: Readonly<Record<string, unknown>>): boolean {
  const { group = '', resource, verb } = about;
  const asked: readonly Verb[] = verb === '*' ? verbs : verbs.filter((known) => known === verb);
  const meant = kinds.filter(
    (info) => (resource === '*' || info.plural === resource) && (group === '*' || info.group === group),
  );
  if (asked.length === 0 || meant.length === 0) return false;
  return meant.every((info) => asked.every((one) => mayUse(user.role, one, info)));
}
