import type { FastifyReply, FastifyRequest } from 'fastify';
import { stringify } from 'yaml';
import { cut } from '../api/cut.ts';
import { ApiError } from '../api/errors.ts';
import type { Log } from '../platform/log.ts';
import { formOf } from './accept.ts';
import { bodyLimit } from './body.ts';

/** Sends an object in the encoding that the client takes. */
export function answer(request: FastifyRequest, reply: FastifyReply, body: object, code = 200): FastifyReply {
  if (formOf(request.headers.accept).encoding === 'yaml')
    return reply.code(code).type('application/yaml').send(stringify(body));
  return answerJson(request, reply, body, code);
}

/** Indented for people, as a kube-apiserver does it: by `?pretty`, else for curl, wget and browsers. */
export function answerJson(
  request: FastifyRequest,
  reply: FastifyReply,
  body: object,
  code = 200,
  type = 'application/json',
): FastifyReply {
  const { pretty } = (request.query ?? {}) as { pretty?: string }; // an object, or null for a path that cannot be decoded
  const forPeople =
    pretty === undefined
      ? /^(curl|wget|mozilla)\//i.test(request.headers['user-agent'] ?? '')
      : pretty !== 'false' && pretty !== '0';
  const text = forPeople ? `${JSON.stringify(body, null, 2)}\n` : JSON.stringify(body);
  return reply.code(code).header('content-type', type).send(text);
}

/** As a kube-apiserver cuts them, so that clients can take the header. */
const mostWarnings = 4096;
const longestWarning = 256;

/** `Warning: 299 - "text"` (RFC 7234, 5.5), one header field a warning. */
export function warn(reply: FastifyReply, texts: readonly string[]): void {
  const fields: string[] = [];
  let total = 0;
  for (const text of texts) {
    const short = cut(text, longestWarning, '...');
    total += short.length;
    if (total > mostWarnings) break;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a header must hold none
    const plain = short.replace(/[\u0000-\u001f\u007f-\uffff]/g, '?');
    fields.push(`299 - "${plain.replace(/["\\]/g, '\\$&')}"`);
  }
  if (fields.length > 0) reply.header('warning', fields);
}

/** What any failure becomes: an ApiError as it is, fastify's own by their code, all else a 500 whose cause is only logged. `limit` is how many bytes the body may have. */
export function toApiError(error: unknown, log: Log, limit = bodyLimit): ApiError {
  if (error instanceof ApiError) return error;
  const { code, statusCode, message } = error as { code?: string; statusCode?: number; message?: string }; // checked below
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${limit} bytes`);
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new ApiError('BadRequest', message ?? 'the server could not understand the request');
  log.error({ err: error }, 'a request failed');
  return new ApiError('InternalError', 'an error on the server has prevented the request; its log has more', {
    cause: error,
  });
}

export function answerError(request: FastifyRequest, reply: FastifyReply, error: ApiError): FastifyReply {
  if (error.reason === 'Unauthorized') reply.header('www-authenticate', 'Bearer realm="agentctl"');
  return answerJson(request, reply, error.toStatus(), error.code);
}
