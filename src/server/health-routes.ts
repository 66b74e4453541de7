import type { FastifyInstance } from 'fastify';

/** Always healthy: the server listens only after all its parts are ready. */
export function healthRoutes(app: FastifyInstance): void {
  for (const path of ['/healthz', '/livez', '/readyz'])
    app.get(path, (_request, reply) => reply.type('text/plain').send('ok'));
}
