import type { FastifyInstance } from 'fastify';
import { answer } from './answer.ts';
import { allowedKey, ownPath } from './own-group.ts';
import type { Parts } from './parts.ts';
import { flag } from './query.ts';

/** What a Sync's next revision would change. */
export function syncRoutes(app: FastifyInstance, { streams }: Parts): void {
  // Though it writes nothing, it makes the controller fetch with the Sync's credentials: for those who may make it look.
  app.get(ownPath('syncs/:name/diff'), async (request, reply) => {
    const key = allowedKey(request, 'update', 'Sync');
    return answer(request, reply, await streams.diffSync(key, { force: flag(request, 'force') }));
  });
}
