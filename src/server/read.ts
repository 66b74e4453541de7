import type { FastifyReply } from 'fastify';
import { answer } from './answer.ts';
import { type Asked, keyOf } from './asked.ts';
import { listOptions } from './query.ts';
import { representation } from './represent.ts';

export async function get(asked: Asked): Promise<FastifyReply> {
  const form = representation(asked);
  const object = await asked.registry.get(asked.info.kind, keyOf(asked));
  return answer(asked.request, asked.reply, form.one(object));
}

export async function list(asked: Asked): Promise<FastifyReply> {
  const { request, reply, info, namespace } = asked;
  const form = representation(asked);
  const found = await asked.registry.list(info.kind, { ...listOptions(request), namespace });
  return answer(request, reply, form.list(found));
}
