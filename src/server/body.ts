import type { FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { parseChunk } from '../api/manifest/yaml.ts';
import { isObject, type JsonObject } from '../api/schema.ts';
import { deepest, isTooDeep, jsonFault } from '../api/size.ts';
import type { Parser } from '../sources/parsing/parser.ts';
import { SourceError } from '../sources/source.ts';
import { decodeProtobuf } from './protobuf.ts';

/** In bytes, as a kube-apiserver's. */
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

/** Says where, never what: the parsers quote the text around an error, and that may be a Secret's. */
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

/** In bytes: what takes longer than a moment to parse is parsed in another thread. */
const longYaml = 8 * 1024;

/** The body with YAML as JSON where it is long. Called before the handlers, which parse what is left at once. */
export async function shortened(request: FastifyRequest, body: Buffer, parser: Parser): Promise<Buffer> {
  if (body.length <= longYaml || body[0] === brace || !yamlTypes.includes(mediaType(request))) return body;
  const owner = request.user.name;
  const parsed = await parser.value(textOf({ body }), { owner }).catch((cause: unknown) => {
    if (!(cause instanceof SourceError)) throw cause;
    const reason = cause.reason === 'Timeout' ? 'Timeout' : 'RequestEntityTooLarge';
    throw new ApiError(reason, `the body of the request is invalid: ${cause.message}`, { cause });
  });
  if ('faultAt' in parsed) throw notParsed('YAML', ` at position ${parsed.faultAt}`);
  if (!parsed.json.startsWith('{')) throw notAnObject();
  return Buffer.from(parsed.json);
}

const brace = '{'.charCodeAt(0);
const yamlTypes = ['application/yaml', 'application/apply-patch+yaml'];

/** JSON is YAML, and nearly every client sends it: the slow parser is for the others. */
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

/** Of create, update, delete: an object as JSON or YAML, of the core group as protobuf too. Clients that name no type send JSON. */
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

/** Of a patch, still unchecked, with what its content type says that it is. */
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
