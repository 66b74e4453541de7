/** OpenAPI 3 and 2 documents from the kinds' schemas. `kubectl explain` and client-side validation read them. */

import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { isObject, type JsonObject } from '../api/json.ts';
import { type KindInfo, kinds, type Verb } from '../api/kinds.ts';
import { groupPath } from './resource-routes.ts';

type Gvk = { group: string; version: string; kind: string };

const gvkOf = ({ group, version, kind }: KindInfo): Gvk => ({ group, version, kind });

/** Returns the schema name as in Kubernetes: the group reversed, then version and kind. */
const schemaName = ({ group, version, kind }: KindInfo): string =>
  group === ''
    ? `io.k8s.api.core.${version}.${kind}`
    : `${group.split('.').reverse().join('.')}.${version}.${kind}`;

/** Removes our own extensions. */
function published(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(published);
  if (!isObject(node)) return node;
  return Object.fromEntries(
    Object.entries(node)
      .filter(([name]) => !name.startsWith('x-agentctl-'))
      .map(([name, value]) => [name, published(value)]),
  );
}

const components = (infos: readonly KindInfo[]): JsonObject =>
  Object.fromEntries(
    infos.flatMap((info) => {
      const name = schemaName(info);
      const schema = published(info.schema) as JsonObject; // a kind's schema is an object
      return [
        [name, { ...schema, 'x-kubernetes-group-version-kind': [gvkOf(info)] }],
        [`${name}List`, listSchema(info)],
      ];
    }),
  );

const listSchema = (info: KindInfo): JsonObject => ({
  type: 'object',
  description: `A list of ${info.plural}.`,
  required: ['items'],
  properties: {
    apiVersion: { type: 'string', description: 'The version of the list.' },
    kind: { type: 'string', description: 'The kind of the list.' },
    metadata: { type: 'object', description: 'Of the list.' },
    items: {
      type: 'array',
      description: 'The objects.',
      items: { $ref: `#/components/schemas/${schemaName(info)}` },
    },
  },
  'x-kubernetes-group-version-kind': [{ ...gvkOf(info), kind: `${info.kind}List` }],
});

const queries: Record<string, string> = {
  dryRun: 'All: the request passes all stages, but nothing is stored.',
  fieldManager: 'The name of who makes the change, for metadata.managedFields.',
  fieldValidation: 'How to treat unknown and duplicate fields: Ignore, Warn or Strict.',
  force: 'Take over fields of other managers in an apply.',
  labelSelector: 'Select objects by labels.',
  fieldSelector: 'Select objects by fields.',
  limit: 'The maximum number of objects to return; the answer has a token to continue.',
  continue: 'The token with which the last answer ended.',
  watch: 'Watch for changes instead of listing.',
  resourceVersion: 'The version to start from.',
  timeoutSeconds: 'When to end the watch.',
};

const queryParameters = (names: readonly string[]): object[] =>
  names.map((name) => ({
    name,
    in: 'query',
    description: queries[name],
    schema: {
      type:
        name === 'limit' || name === 'timeoutSeconds'
          ? 'integer'
          : name === 'watch' || name === 'force'
            ? 'boolean'
            : 'string',
    },
  }));

const writeQueries = ['dryRun', 'fieldManager', 'fieldValidation'];
const listQueries = [
  'labelSelector',
  'fieldSelector',
  'limit',
  'continue',
  'resourceVersion',
  'watch',
  'timeoutSeconds',
];

interface Operation {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  action: string;
  verb: Verb;
  parameters: readonly string[];
  body?: readonly string[];
  answer: string;
}

const operationsOf = (info: KindInfo, of: 'collection' | 'object'): Operation[] =>
  everyOperation(info, of).filter(({ verb }) => info.verbs.includes(verb));

function everyOperation(info: KindInfo, of: 'collection' | 'object'): Operation[] {
  const one = schemaName(info);
  const json = ['application/json', 'application/yaml'];
  if (of === 'collection')
    return [
      { method: 'get', action: 'list', verb: 'list', parameters: listQueries, answer: `${one}List` },
      { method: 'post', action: 'post', verb: 'create', parameters: writeQueries, body: json, answer: one },
      {
        method: 'delete',
        action: 'deletecollection',
        verb: 'deletecollection',
        parameters: [...listQueries.slice(0, 4), 'dryRun'],
        answer: `${one}List`,
      },
    ];
  const patches = [
    'application/json-patch+json',
    'application/merge-patch+json',
    'application/apply-patch+yaml',
  ];
  return [
    { method: 'get', action: 'get', verb: 'get', parameters: [], answer: one },
    { method: 'put', action: 'put', verb: 'update', parameters: writeQueries, body: json, answer: one },
    {
      method: 'patch',
      action: 'patch',
      verb: 'patch',
      parameters: [...writeQueries, 'force'],
      body: patches,
      answer: one,
    },
    { method: 'delete', action: 'delete', verb: 'delete', parameters: ['dryRun'], answer: one },
  ];
}

const content = (types: readonly string[], name: string): object =>
  Object.fromEntries(types.map((type) => [type, { schema: { $ref: `#/components/schemas/${name}` } }]));

function pathItem(info: KindInfo, of: 'collection' | 'object', path: string): object {
  const names = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name ?? '');
  const items = operationsOf(info, of).map(({ method, action, parameters, body, answer }) => [
    method,
    {
      operationId: `${action}${info.kind}${of === 'collection' ? 'Collection' : ''}`,
      parameters: queryParameters(parameters),
      ...(body === undefined
        ? {}
        : { requestBody: { required: true, content: content(body, schemaName(info)) } }),
      responses: { 200: { description: 'OK', content: content(['application/json'], answer) } },
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': gvkOf(info),
    },
  ]);
  return {
    parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...Object.fromEntries(items),
  };
}

function pathsOf(infos: readonly KindInfo[]): JsonObject {
  const paths: JsonObject = {};
  for (const info of infos) {
    const root = groupPath(info);
    const collection = `${root}${info.namespaced ? '/namespaces/{namespace}' : ''}/${info.plural}`;
    paths[`${collection}`] = pathItem(info, 'collection', collection);
    paths[`${collection}/{name}`] = pathItem(info, 'object', `${collection}/{name}`);
  }
  return paths;
}

/** The path of each group version's document, without a leading slash: `api/v1`, `apis/agentctl.dev/v1`. */
const groupVersionPaths = [...new Set(kinds.map((info) => groupPath(info).slice(1)))].sort();

/** Returns the document of one group version; undefined if it is not served. */
function openApiV3(groupVersionPath: string, version: string): object | undefined {
  const infos = kinds.filter((info) => groupPath(info).slice(1) === groupVersionPath);
  if (infos.length === 0) return undefined;
  return {
    openapi: '3.0.0',
    info: { title: 'agentctl', version },
    paths: pathsOf(infos),
    components: { schemas: components(infos) },
  };
}

/** All definitions, for clients without OpenAPI 3. Paths are omitted: those clients use only definitions. */
const openApiV2 = (version: string): object => ({
  swagger: '2.0',
  info: { title: 'agentctl', version },
  paths: {},
  definitions: JSON.parse(
    JSON.stringify(components(kinds)).replaceAll('#/components/schemas/', '#/definitions/'),
  ),
});

interface Document {
  text: string;
  hash: string;
}

/** Documents are created at the first request and cached as text. */
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
    // kubectl requests protobuf here, and works without it after this error.
    const accept = request.headers.accept ?? '*/*';
    if (!/application\/json|\*\/\*|application\/\*/.test(accept))
      throw new ApiError('NotAcceptable', 'only the following media types are accepted: application/json');
    return send(
      reply,
      documentOf('openapi/v2', () => openApiV2(version)),
    );
  });
}
