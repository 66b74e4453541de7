import { withTextAmounts } from '../api/amounts.ts';
import { isObject, pathText } from '../api/json.ts';
import type { KindInfo } from '../api/kinds.ts';
import type { ObjectKey } from '../api/objects.ts';
import { prune, unknownFields } from '../api/shape.ts';
import { listed } from '../api/text.ts';
import type { AnyResource, RegistryWriteOptions } from './object.ts';
import { badRequest } from './status-errors.ts';

/**
 * Returns a sent body as an object of this kind, without unknown fields and without nulls. `key` comes from the
 * request. Throws ApiError BadRequest if the body contradicts it, and for unknown fields if fieldValidation is Strict.
 */
export function decodeBody(
  info: KindInfo,
  body: unknown,
  key: Partial<ObjectKey>,
  { fieldValidation = 'Warn', warn }: RegistryWriteOptions,
): AnyResource {
  if (!isObject(body)) throw badRequest(`expected an object of kind ${info.kind}`);
  expectSame(body.apiVersion, info.apiVersion, 'API version');
  expectSame(body.kind, info.kind, 'kind');
  if (fieldValidation === 'Strict' || (fieldValidation === 'Warn' && warn !== undefined)) {
    const unknown = unknownFields(info.schema, body).map(({ path, suggestion }) => {
      // kubectl parses YAML 1.1, in which an unquoted on is true.
      const meant = path.at(-1) === 'true' ? '"on", in quotes' : suggestion;
      const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`;
      return `unknown field ${JSON.stringify(pathText(path))}${hint}`;
    });
    if (unknown.length > 0 && fieldValidation === 'Strict') {
      throw badRequest(
        `${info.kind} in version "${info.version}" cannot be handled as a ${info.kind}: strict decoding error: ${listed(unknown)}`,
      );
    }
    for (const warning of unknown) warn?.(warning);
  }
  const given = withTextAmounts(info.schema, prune(info.schema, body));
  const { metadata = {}, ...rest } = given as Record<string, unknown>; // it stays an object
  if (!isObject(metadata)) throw badRequest('metadata: expected an object');
  for (const name of ['name', 'generateName', 'namespace', 'uid', 'resourceVersion'] as const) {
    if (metadata[name] !== undefined && typeof metadata[name] !== 'string')
      throw badRequest(`metadata.${name}: expected a string`);
  }
  return {
    ...rest,
    apiVersion: info.apiVersion,
    kind: info.kind,
    // The validation of the whole object reports what else is wrong in it.
    metadata: named(info, metadata, key) as unknown as AnyResource['metadata'],
  };
}

const plain = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function expectSame(found: unknown, expected: string, what: string): void {
  if (found === undefined || found === expected) return;
  throw badRequest(
    `the ${what} in the data (${plain(found)}) does not match the expected ${what} (${expected})`,
  );
}

function named(
  info: KindInfo,
  metadata: Record<string, unknown>,
  key: Partial<ObjectKey>,
): Record<string, unknown> {
  const { name = key.name, namespace = key.namespace, ...rest } = metadata;
  if (key.name !== undefined && name !== key.name) {
    throw badRequest(
      `the name of the object (${plain(name)}) does not match the name on the URL (${key.name})`,
    );
  }
  const identity = name === undefined || name === '' ? {} : { name };
  if (!info.namespaced) return { ...identity, ...(namespace === undefined ? {} : { namespace }), ...rest };
  if (key.namespace !== undefined && namespace !== key.namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  return {
    ...identity,
    namespace: namespace === undefined || namespace === '' ? 'default' : namespace,
    ...rest,
  };
}
