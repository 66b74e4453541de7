import type { FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { deepest, isObject, isTooDeep, type JsonObject, jsonFault } from '../api/json.ts';
import { parseChunk } from '../api/manifest/yaml.ts';
import type { Parser } from '../sources/parsing/parser.ts';
import { SourceError } from '../sources/source.ts';
import { decodeProtobuf } from './protobuf.ts';

/** In bytes, as in a kube-apiserver. */
export const bodyLimit = 3 * 1024 * 1024;

const mediaType = (request: FastifyRequest): string =>
  (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';

const utf8 = new TextDecoder('utf-8', { fatal: true });

function textOf({ body }: { body: unknown }): string {
  try {
    return body instanceof Buffer ? utf8.decode(body) : '';
  } catch (cause) {
    throw new ApiError('BadRequest', 'the body of the request is not UTF-8', { cause });
  }
}

/** Reports the place but not the text: the parsers quote the text around an error, which may be part of a Secret. */
const notParsed = (format: string, where: string): ApiError =>
  new ApiError('BadRequest', `the body of the request is not ${format}${where}`);

function parseJson(text: string): unknown {
  const large = jsonFault(text);
  if (large !== undefined)
    throw new ApiError('RequestEntityTooLarge', `the body of the request is too large: ${large}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const [where = ''] = / at position \d+/.exec(String(error)) ?? [];
    throw notParsed('JSON', where);
  }
  if (isTooDeep(value))
    throw new ApiError('BadRequest', `the body of the request is nested more than ${deepest} levels deep`);
  return value;
}

/** In bytes. Longer YAML takes too long to parse in this thread, so it is parsed in another one. */
const longYaml = 8 * 1024;

/** Converts long YAML bodies to JSON. Called before the handlers, which parse the rest synchronously. */
export async function shortened(request: FastifyRequest, body: Buffer, parser: Parser): Promise<Buffer> {
  if (body.length <= longYaml || body[0] === brace || !yamlTypes.includes(mediaType(request))) return body;
  const owner = request.user.name;
  const parsed = await parser.value(textOf({ body }), { owner }).catch((cause: unknown) => {
    if (!(cause instanceof SourceError)) throw cause;
    const reason = cause.code === 'Timeout' ? 'Timeout' : 'RequestEntityTooLarge';
    throw new ApiError(reason, `the body of the request is invalid: ${cause.message}`, { cause });
  });
  if ('faultAt' in parsed) throw notParsed('YAML', ` at position ${parsed.faultAt}`);
  if (!parsed.json.startsWith('{')) throw notAnObject();
  return Buffer.from(parsed.json);
}

const brace = '{'.charCodeAt(0);
const yamlTypes = ['application/yaml', 'application/apply-patch+yaml'];

/** JSON is also YAML, and nearly every client sends it. The slow parser is for other texts. */
function parseYaml(text: string): unknown {
  if (text.startsWith('{')) return parseJson(text);
  const { value, faults } = parseChunk({ text, offset: 0 });
  const [fault] = faults;
  if (fault !== undefined) throw notParsed('YAML', ` at position ${fault.offset}`);
  return value;
}

function asObject(value: unknown): JsonObject {
  if (isObject(value)) return value;
  throw notAnObject();
}

const notAnObject = (): ApiError => new ApiError('BadRequest', 'the body of the request must be an object');

const unsupported = (type: string, supported: readonly string[]): ApiError =>
  new ApiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format${type === '' ? '' : ` (${type})`} - accepted media types include: ${supported.join(', ')}`,
  );

export const unsupportedPatch = (type: string): ApiError =>
  unsupported(type, [
    'application/json-patch+json',
    'application/merge-patch+json',
    'application/apply-patch+yaml',
  ]);

/**
 * Returns the body of a create, update or delete: an object as JSON or YAML, or protobuf for the core group. Without a
 * content type it is JSON.
 */
export function objectBody(request: FastifyRequest): JsonObject {
  const type = mediaType(request);
  if (type === '' || type === 'application/json') return asObject(parseJson(textOf(request)));
  if (type === 'application/yaml') return asObject(parseYaml(textOf(request)));
  if (type === 'application/vnd.kubernetes.protobuf' && request.body instanceof Buffer) {
    const object = decodeProtobuf(request.body);
    if (object !== undefined) return object;
  }
  throw unsupported(type, ['application/json', 'application/yaml']);
}

export const hasBody = (request: FastifyRequest): boolean =>
  request.body instanceof Buffer && request.body.length > 0;

type GivenPatch =
  | { type: 'merge'; body: JsonObject }
  | { type: 'strategic'; body: JsonObject }
  | { type: 'apply'; body: JsonObject }
  | { type: 'json'; body: object[] };

/** Returns a patch, not validated yet, with its content type. */
export function patchBody(request: FastifyRequest): GivenPatch {
  const type = mediaType(request);
  switch (type) {
    case 'application/merge-patch+json':
      return { type: 'merge', body: asObject(parseJson(textOf(request))) };
    case 'application/strategic-merge-patch+json':
      return { type: 'strategic', body: asObject(parseJson(textOf(request))) };
    case 'application/apply-patch+yaml':
      return { type: 'apply', body: asObject(parseYaml(textOf(request))) };
    case 'application/json-patch+json': {
      const steps = parseJson(textOf(request));
      if (Array.isArray(steps) && steps.every(isObject)) return { type: 'json', body: steps };
      throw new ApiError('BadRequest', 'a JSON patch must be a list of operations');
    }
    default:
      throw unsupportedPatch(type);
  }
}
