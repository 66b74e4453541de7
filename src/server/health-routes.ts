import type { FastifyInstance } from 'fastify';

/** It answers as soon as it listens, and its parts stand before it does. */
export function healthRoutes(app: FastifyInstance): void {
  for (const path of ['/healthz', '/livez', '/readyz'])
    app.get(path, (_request, reply) => reply.type('text/plain').send('ok'));
}
