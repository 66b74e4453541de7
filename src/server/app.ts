import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import {
  type Authenticate,
  accessReviewRoutes,
  impersonates,
  refuseImpersonation,
  type User,
} from './access.ts';
import { answerError, toApiError } from './answer.ts';
import { discoveryRoutes } from './discovery.ts';
import type { ServerDeps } from './kind-request.ts';
import { messageRoutes } from './message-routes.ts';
import { measureRequests } from './open-streams.ts';
import { openApiRoutes } from './openapi.ts';
import { bodyLimit, shortened } from './request-body.ts';
import { resourceRoutes } from './resource-routes.ts';
import { controllerRoutes, logRoutes, planRoutes, syncRoutes, volumeRoutes } from './subresource-routes.ts';
import { webhookPath, webhookRoutes } from './webhook.ts';

declare module 'fastify' {
  interface FastifyRequest {
    user: User;
  }
}

/**
 * Routes without a bearer token: health checks, which reveal nothing, as in a kube-apiserver, and webhooks, which are
 * signed.
 */
const publicRoutes: readonly (string | undefined)[] = [
  '/healthz',
  '/livez',
  '/readyz',
  '/version',
  webhookPath,
];

const isPublic = ({ routeOptions }: FastifyRequest): boolean => publicRoutes.includes(routeOptions.url);

/** Returns the HTTP application of one listener. `tls` is PEM. */
export async function createApp(
  deps: ServerDeps,
  authenticate: Authenticate,
  tls?: { cert: string; key: string },
): Promise<FastifyInstance> {
  const failed = (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    answerError(request, reply, toApiError(error, deps.log, request.routeOptions.bodyLimit));
  };
  const options = {
    bodyLimit,
    requestTimeout: 60_000, // for receiving the request, not for the response
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 253, ignoreTrailingSlash: true },
    exposeHeadRoutes: false,
    frameworkErrors: failed, // for a path that cannot be decoded
  } as const;
  // The two servers differ only in the type of their socket, which is not used here.
  const app = (tls === undefined ? fastify(options) : fastify({ ...options, https: tls })) as FastifyInstance;

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) =>
    isPublic(request) ? body : shortened(request, body, deps.parser),
  );
  app.decorateRequest('user');
  measureRequests(app, deps); // first, so that refused requests count too
  app.addHook('onRequest', async (request) => {
    const { headers } = request;
    if (isPublic(request) && !Object.keys(headers).some(impersonates)) return;
    request.user = authenticate(headers.authorization);
    refuseImpersonation(headers, request.user);
  });
  app.setErrorHandler(failed);
  app.setNotFoundHandler((request, reply) =>
    answerError(request, reply, new ApiError('NotFound', 'the server could not find the requested resource')),
  );

  healthRoutes(app, deps);
  discoveryRoutes(app, deps.version);
  openApiRoutes(app, deps.version);
  resourceRoutes(app, deps);
  const { messages, logs, plans, volumes, syncs, controller } = deps.apis;
  messageRoutes(app, messages, deps);
  logRoutes(app, logs, deps);
  planRoutes(app, plans);
  volumeRoutes(app, volumes);
  syncRoutes(app, syncs);
  controllerRoutes(app, controller);
  accessReviewRoutes(app);
  webhookRoutes(app, deps);
  await app.ready();
  return app;
}

function healthRoutes(app: FastifyInstance, { exposition }: ServerDeps): void {
  // Always healthy: the server listens only after all its parts are ready.
  for (const path of ['/healthz', '/livez', '/readyz'])
    app.get(path, (_request, reply) => reply.type('text/plain').send('ok'));

  // For each role: labels have names of Agents, which everyone may read.
  if (exposition !== undefined)
    app.get('/metrics', async (_request, reply) =>
      reply.type(exposition.contentType).send(await exposition.text()),
    );
}
