import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { answer } from './answer.ts';
import { hasBody, objectBody } from './body.ts';
import { allowedKey, ownPath, personOf } from './own-group.ts';
import type { Parts } from './parts.ts';

export function approvalRoutes(app: FastifyInstance, { streams }: Parts): void {
  for (const decision of ['approve', 'deny'] as const) {
    app.post(ownPath(`approvals/:name/${decision}`), async (request, reply) => {
      const key = allowedKey(request, 'update', 'Approval');
      return answer(request, reply, await streams.decide(key, decision, decider(request)));
    });
  }
}

function decider(request: FastifyRequest): string {
  const { by } = hasBody(request) ? objectBody(request) : {};
  if (by === undefined) return personOf(request);
  if (typeof by === 'string' && by !== '' && by.length <= 253) return personOf(request, by);
  throw new ApiError('BadRequest', 'by: expected a string of 1 to 253 characters');
}
