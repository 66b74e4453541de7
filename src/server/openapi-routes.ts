import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { groupVersionPaths, openApiV2, openApiV3 } from './openapi.ts';

interface Document {
  text: string;
  hash: string;
}

/** Documents are made when first asked for, and kept as text. */
export function openApiRoutes(app: FastifyInstance, version: string): void {
  const made = new Map<string, Document>();
  const documentOf = (name: string, make: () => object | undefined): Document => {
    const known = made.get(name);
    if (known !== undefined) return known;
    const document = make();
    if (document === undefined) throw new ApiError('NotFound', `there is no OpenAPI document for ${name}`);
    const text = JSON.stringify(document);
    const entry = { text, hash: createHash('sha256').update(text).digest('hex') };
    made.set(name, entry);
    return entry;
  };
  const send = (reply: FastifyReply, { text, hash }: Document): FastifyReply =>
    reply.header('etag', `"${hash}"`).header('vary', 'Accept').type('application/json').send(text);

  app.get('/openapi/v3', (_request, reply) => {
    const paths = groupVersionPaths.map((path) => {
      const { hash } = documentOf(path, () => openApiV3(path, version));
      return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }];
    });
    return reply.type('application/json').send(JSON.stringify({ paths: Object.fromEntries(paths) }));
  });
  app.get<{ Params: { '*': string } }>('/openapi/v3/*', (request, reply) => {
    const path = request.params['*'];
    return send(
      reply,
      documentOf(path, () => openApiV3(path, version)),
    );
  });
  app.get('/openapi/v2', (request, reply) => {
    // kubectl asks for protobuf here, and does without when it is told that there is none.
    const accept = request.headers.accept ?? '*/*';
    if (!/application\/json|\*\/\*|application\/\*/.test(accept))
      throw new ApiError('NotAcceptable', 'only the following media types are accepted: application/json');
    return send(
      reply,
      documentOf('openapi/v2', () => openApiV2(version)),
    );
  });
}
