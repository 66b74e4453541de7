import type { FastifyReply, FastifyRequest } from 'fastify';
import { stringify } from 'yaml';
import { ApiError } from '../api/errors.ts';
import { cut } from '../api/text.ts';
import type { IncludeObject, List } from '../client/resources.ts';
import type { Log } from '../platform/log.ts';
import type { AnyResource } from '../registry/object.ts';
import { type Asked, oneOf, text } from './kind-request.ts';
import { metadataOf, tableOf } from './object-table.ts';
import { bodyLimit } from './request-body.ts';

/** Sends an object in the encoding that the client accepts. */
export function answer(request: FastifyRequest, reply: FastifyReply, body: object, code = 200): FastifyReply {
  if (formOf(request.headers.accept).encoding === 'yaml')
    return reply.code(code).type('application/yaml').send(stringify(body));
  return answerJson(request, reply, body, code);
}

/**
 * Sends JSON, indented for people as in a kube-apiserver: with `?pretty`, and otherwise for curl, wget and browsers.
 */
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

/** The limits of a kube-apiserver, so that clients can process the header. */
const mostWarnings = 4096;
const longestWarning = 256;

/** Sets `Warning: 299 - "text"` (RFC 7234, 5.5), with one header field for each warning. */
export function warn(reply: FastifyReply, texts: readonly string[]): void {
  const fields: string[] = [];
  let total = 0;
  for (const text of texts) {
    const short = cut(text, longestWarning, '...');
    total += short.length;
    if (total > mostWarnings) break;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a header must not contain control characters
    const plain = short.replace(/[\u0000-\u001f\u007f-\uffff]/g, '?');
    fields.push(`299 - "${plain.replace(/["\\]/g, '\\$&')}"`);
  }
  if (fields.length > 0) reply.header('warning', fields);
}

/**
 * Converts any error: an ApiError is unchanged, fastify's errors are converted by their code, and everything else
 * becomes a 500 whose cause is only logged. `limit` is the size limit of the body in bytes.
 */
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
  if (error.code === 'Unauthorized') reply.header('www-authenticate', 'Bearer realm="agentctl"');
  return answerJson(request, reply, error.toStatus(), error.status);
}

/** The form in which a client wants an object or a list. */
export interface Form {
  encoding: 'json' | 'yaml';
  as: 'Object' | 'Table' | 'Metadata';
}

/**
 * Returns the form that an Accept header prefers among those that are served; parameters choose a Table or only
 * metadata. Throws NotAcceptable (406) if none is. @fastify/accepts is not used because it refuses a range with a
 * parameter that the server does not name, such as charset, which Kubernetes ignores.
 */
export function formOf(accept: string | undefined): Form {
  for (const [type, ...parameters] of rangesOf((accept ?? '*/*').toLowerCase())) {
    const encoding = encodings[type ?? ''];
    const as = forms[parameters.find((part) => part.startsWith('as='))?.slice(3) ?? ''];
    const version = parameters.find((part) => part.startsWith('v='))?.slice(2) ?? 'v1';
    if (encoding !== undefined && as !== undefined && version === 'v1') return { encoding, as };
  }
  throw new ApiError(
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/yaml',
  );
}

const encodings: Record<string, Form['encoding']> = {
  '*/*': 'json',
  'application/*': 'json',
  'application/json': 'json',
  'application/yaml': 'yaml',
};

const forms: Record<string, Form['as']> = {
  '': 'Object',
  table: 'Table',
  partialobjectmetadata: 'Metadata',
  partialobjectmetadatalist: 'Metadata',
};

const discoveryVersions: Record<string, string> = { v2: 'v2', v2beta1: 'v2beta1' };

/** Returns the version of aggregated discovery that a client accepts, if it prefers that to plain JSON. */
export function aggregatedVersion(accept: string | undefined): string | undefined {
  for (const [type, ...parameters] of rangesOf(accept ?? '')) {
    if (type !== 'application/json') continue;
    if (!parameters.includes('as=APIGroupDiscoveryList')) return undefined;
    const version = parameters.find((part) => part.startsWith('v='))?.slice(2) ?? '';
    if (discoveryVersions[version] !== undefined) return discoveryVersions[version];
  }
  return undefined;
}

/** Returns the media ranges with their parameters, most preferred first (RFC 9110, section 12.5.1). */
function rangesOf(accept: string): string[][] {
  const ranges = accept.split(',').map((range) => range.split(';').map((part) => part.trim()));
  return ranges.filter((range) => quality(range) > 0).sort((one, other) => quality(other) - quality(one));
}

function quality(range: readonly string[]): number {
  const value = range.find((part) => part.startsWith('q='))?.slice(2);
  return value === undefined ? 1 : Number(value) || 0;
}

/** Converts objects to what the client requested: the objects, rows of a Table, or only their metadata. */
export interface Representation {
  one(object: AnyResource): object;
  list(list: List<AnyResource>): object;
  /** A bookmark of a watch. */
  bookmark(mark: { metadata: { resourceVersion: string } }): object;
}

export function representation(asked: Asked): Representation {
  return representations[formOf(asked.request.headers.accept).as](asked);
}

const representations: Record<Form['as'], (asked: Asked) => Representation> = {
  Object: ({ info: { kind, apiVersion } }) => ({
    one: (object) => object,
    list: ({ items, metadata }) => ({ kind: `${kind}List`, apiVersion, metadata, items }),
    bookmark: (mark) => mark,
  }),

  Table({ info: { kind }, request, clock, waiting }) {
    const include = includeObject(request);
    return {
      one(object) {
        const { resourceVersion } = object.metadata;
        return tableOf(kind, [object], clock.now(), include, { resourceVersion }, waiting);
      },
      list: ({ items, metadata }) => tableOf(kind, items, clock.now(), include, metadata, waiting),
      bookmark: ({ metadata: { resourceVersion } }) =>
        tableOf(kind, [], clock.now(), include, { resourceVersion }),
    };
  },

  Metadata: () => ({
    one: metadataOf,
    list: ({ items, metadata }) => ({
      kind: 'PartialObjectMetadataList',
      apiVersion: 'meta.k8s.io/v1',
      metadata,
      items: items.map(metadataOf),
    }),
    bookmark: ({ metadata }) => ({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }),
  }),
};

function includeObject(request: FastifyRequest): NonNullable<IncludeObject['includeObject']> {
  const value = text(request, 'includeObject');
  return oneOf('includeObject', value, ['None', 'Metadata', 'Object'], 'BadRequest') ?? 'Metadata';
}
