import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { kinds } from '../api/kinds.ts';
import type { Clock } from '../platform/clock.ts';
import type { Meters } from '../platform/meters.ts';

interface Endless {
  contentType: string;
  /** Ends some time after the signal aborts. */
  lines(signal: AbortSignal): AsyncIterable<string>;
  /** Returns the text to send after a failure in the middle of the stream. */
  failed(error: unknown): string;
  /** A line that is sent at this interval in milliseconds, to show that the server is still there. */
  heartbeat?: { line: string; every: number; clock: Clock };
}

/** The open responses without an end of their own. They are ended when the server closes. */
export class OpenStreams {
  readonly #open = new Map<AbortController, FastifyReply>();
  readonly #sent = new WeakSet<FastifyReply>();

  /**
   * Sends the lines until they end, the client disconnects, or the server closes; then the signal aborts. Waits for a
   * client that reads slowly.
   */
  async send(reply: FastifyReply, { contentType, lines, failed, heartbeat }: Endless): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    reply.hijack();
    const { raw } = reply;
    this.#open.set(controller, reply);
    this.#sent.add(reply);
    for (const event of ['close', 'error']) raw.on(event, () => controller.abort());
    if (raw.destroyed) controller.abort(); // it disconnected before a listener was added
    raw.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-cache, private' });
    raw.flushHeaders();
    const still = heartbeat === undefined ? undefined : beat(raw, heartbeat);
    try {
      for await (const line of lines(signal)) {
        if (signal.aborted) break;
        if (!raw.write(`${line}\n`)) await drained(raw, signal);
      }
    } catch (error) {
      if (!signal.aborted) raw.write(`${failed(error)}\n`);
    } finally {
      still?.();
      this.#open.delete(controller);
      controller.abort();
      raw.end();
    }
  }

  end(): void {
    for (const controller of this.#open.keys()) controller.abort();
  }

  /** Whether the reply is or was one of these. */
  has(reply: FastifyReply): boolean {
    return this.#sent.has(reply);
  }

  [Symbol.iterator](): Iterator<FastifyReply> {
    return this.#open.values();
  }
}

/** Returns a function that ends it. Sends nothing while the client has unread data. */
function beat(raw: ServerResponse, heartbeat: NonNullable<Endless['heartbeat']>): () => void {
  const { line, every, clock } = heartbeat;
  const next = (): void => {
    if (!raw.writableNeedDrain) raw.write(`${line}\n`);
    cancel = clock.after(every, next);
  };
  let cancel = clock.after(every, next);
  return () => cancel();
}

function drained(raw: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      raw.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    raw.on('drain', done);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}

type Verb = Parameters<Meters['httpRequests']['inc']>[0]['verb'];

/** Counts all requests of a listener, and times those whose duration is not up to the client. */
export function measureRequests(
  app: FastifyInstance,
  { meters, open }: { meters: Meters; open: OpenStreams },
): void {
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
