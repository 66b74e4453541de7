import type { FastifyReply, FastifyRequest } from 'fastify';
import { answer } from './answer.ts';
import type { Parts } from './parts.ts';
import { exactVersion, listOptions } from './query.ts';
import { representation } from './represent.ts';
import { keyOfTarget, type Target } from './target.ts';

type Handler = (
  parts: Parts,
  target: Target,
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<FastifyReply>;

export const get: Handler = async (parts, target, request, reply) => {
  const form = representation(request, target.info, parts.clock.now);
  return answer(request, reply, form.one(await parts.resources.get(target.info.kind, keyOfTarget(target))));
};

export const list: Handler = async (parts, target, request, reply) => {
  const form = representation(request, target.info, parts.clock.now);
  const options = {
    ...listOptions(request),
    namespace: target.namespace,
    resourceVersion: exactVersion(request),
  };
  return answer(request, reply, form.list(await parts.resources.list(target.info.kind, options)));
};
