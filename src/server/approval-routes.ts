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

/** The body may name somebody in whose name it is decided; by a token, the token's user is told with it. */
function decider(request: FastifyRequest): string {
  const { by } = hasBody(request) ? objectBody(request) : {};
  const person = personOf(request);
  if (by === undefined) return person;
  if (typeof by === 'string' && by !== '' && by.length <= 253)
    return person === 'user' || person === by ? by : `${by} (${person})`;
  throw new ApiError('BadRequest', 'by: expected a string of 1 to 253 characters');
}
