import type { FastifyInstance } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { answer } from './answer.ts';
import { hasBody, objectBody } from './body.ts';
import { allowedKey, ownPath, personOf } from './own-group.ts';
import type { Parts } from './parts.ts';

const longest = { by: 253, option: 512 };

export function approvalRoutes(app: FastifyInstance, { streams }: Parts): void {
  for (const decision of ['approve', 'deny'] as const) {
    app.post(ownPath(`approvals/:name/${decision}`), async (request, reply) => {
      const key = allowedKey(request, 'update', 'Approval');
      const { by, option } = hasBody(request) ? objectBody(request) : {};
      const how = {
        by: personOf(request, optionalText('by', by)),
        option: optionalText('option', option),
      };
      return answer(request, reply, await streams.decide(key, decision, how));
    });
  }
}

function optionalText(field: keyof typeof longest, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '' && value.length <= longest[field]))
    return value;
  throw new ApiError('BadRequest', `${field}: expected a string of 1 to ${longest[field]} characters`);
}
