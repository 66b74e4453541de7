import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { kinds } from '../api/kinds.ts';
import type { Meters } from '../platform/meters.ts';
import type { Parts } from './kind-request.ts';
import type { OpenStreams } from './open-streams.ts';

type Verb = Parameters<Meters['httpRequests']['inc']>[0]['verb'];

/** Counts all requests of a listener, and times those whose duration is not up to the client. */
export function measureRequests(app: FastifyInstance, { meters, open }: Parts): void {
  const answered = (request: FastifyRequest, reply: FastifyReply): void => {
    if (!reply.raw.headersSent) return;
    const resource = resourceOf(request);
    const verb = open.has(reply) ? 'watch' : verbOf(request, resource);
    meters.httpRequests.inc({ verb, resource, code: String(reply.statusCode) });
    if (verb !== 'watch') meters.httpSeconds.observe({ verb, resource }, reply.elapsedTime / 1_000);
  };
  // Fastify's onResponse does not come for a client that disconnects, which is how most watches end.
  app.addHook('onRequest', async (request, reply) => {
    reply.raw.once('close', () => answered(request, reply));
  });
}

/** Returns the number of open streams by resource. */
export function countStreams(open: OpenStreams): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { request } of open) {
    const resource = resourceOf(request);
    counts.set(resource, (counts.get(resource) ?? 0) + 1);
  }
  return counts;
}

/** Returns the resource of the route, never a part of the URL that the client chose. */
function resourceOf({ routeOptions: { url } }: FastifyRequest): string {
  if (url === undefined) return 'unknown';
  const [, path = url] = /^\/api(?:s\/[a-z0-9.-]+)?\/v1\/(?:namespaces\/:namespace\/)?(.+)$/.exec(url) ?? [];
  return path.replace('/:name', '');
}

const plurals: ReadonlySet<string> = new Set(kinds.map(({ plural }) => plural));

function verbOf({ method, routeOptions: { url } }: FastifyRequest, resource: string): Verb {
  const isCollection = plurals.has(resource) && url?.endsWith('/:name') !== true;
  switch (method) {
    case 'GET':
      return isCollection ? 'list' : 'get';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return isCollection ? 'deletecollection' : 'delete';
    default:
      return 'other';
  }
}
