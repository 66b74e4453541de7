import type { FastifyInstance } from 'fastify';
import type { Parts } from './kind-request.ts';

export function healthRoutes(app: FastifyInstance, { exposition }: Parts): void {
  // Always healthy: the server listens only after all its parts are ready.
  for (const path of ['/healthz', '/livez', '/readyz'])
    app.get(path, (_request, reply) => reply.type('text/plain').send('ok'));

  // For each role: labels have names of Agents, which everyone may read.
  if (exposition !== undefined)
    app.get('/metrics', async (_request, reply) =>
      reply.type(exposition.contentType).send(await exposition.text()),
    );
}
