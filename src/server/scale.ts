import type { FastifyReply } from 'fastify';
import { answer } from './answer.ts';
import { type Asked, keyOf } from './asked.ts';
import { objectBody } from './body.ts';
import { patchOf, warned } from './write.ts';

/** `Scale` of autoscaling/v1: the replicas of an object, whatever its kind calls them. */
export async function getScale(asked: Asked): Promise<FastifyReply> {
  const { registry, request, reply, info } = asked;
  return answer(request, reply, await registry.scale(info.kind, keyOf(asked)));
}

export async function updateScale(asked: Asked): Promise<FastifyReply> {
  const { registry, request, reply, info } = asked;
  const body = objectBody(request);
  const scale = await warned(asked, (options) =>
    registry.updateScale(info.kind, keyOf(asked), body, options),
  );
  return answer(request, reply, scale);
}

export async function patchScale(asked: Asked): Promise<FastifyReply> {
  const { registry, request, reply, info } = asked;
  const patch = patchOf(asked);
  const scale = await warned(asked, (options) =>
    registry.patchScale(info.kind, keyOf(asked), patch, options),
  );
  return answer(request, reply, scale);
}
