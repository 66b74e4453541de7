import type { FastifyInstance } from 'fastify';
import { answer } from './answer.ts';
import { allowedKey, ownPath } from './own-group.ts';
import type { Parts } from './parts.ts';

/** What a Sync's next revision would change. */
export function syncRoutes(app: FastifyInstance, { streams }: Parts): void {
  // Though it writes nothing, it makes the controller fetch with the Sync's credentials: for those who may make it look.
  app.get(ownPath('syncs/:name/diff'), async (request, reply) =>
    answer(request, reply, await streams.diffSync(allowedKey(request, 'update', 'Sync'))),
  );
}
