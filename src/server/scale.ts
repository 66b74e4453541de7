import type { FastifyReply } from 'fastify';
import { answer } from './answer.ts';
import { type Asked, keyOf } from './asked.ts';
import { objectBody } from './body.ts';
import { patchOf, withWarnings } from './write.ts';

/** `Scale` of autoscaling/v1: the replicas of an object, whatever its kind calls them. */
export async function getScale(asked: Asked): Promise<FastifyReply> {
  const { registry, request, reply, info } = asked;
  return answer(request, reply, await registry.scale(info.kind, keyOf(asked)));
}

export async function updateScale(asked: Asked): Promise<FastifyReply> {
  const { registry, request, reply, info } = asked;
  const scale = await registry.updateScale(info.kind, keyOf(asked), objectBody(request), withWarnings(asked));
  return answer(request, reply, scale);
}

export async function patchScale(asked: Asked): Promise<FastifyReply> {
  const { registry, request, reply, info } = asked;
  const scale = await registry.patchScale(info.kind, keyOf(asked), patchOf(asked), withWarnings(asked));
  return answer(request, reply, scale);
}
