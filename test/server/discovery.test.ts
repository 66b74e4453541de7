import type { IncomingHttpHeaders } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Running, run } from './support.ts';

let api: Running;
beforeAll(async () => {
  api = await run();
});
afterAll(() => api.end());

const golden = (name: string): string => `../golden/server/${name}.json`;
const pretty = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

test.each([
  ['/api', 'api'],
  ['/api/v1', 'api-v1'],
  ['/apis', 'apis'],
  ['/apis/agentctl.dev', 'apis-group'],
  ['/apis/agentctl.dev/v1', 'apis-v1'],
  ['/apis/subresources.agentctl.dev/v1', 'subresources-v1'],
])('%s', async (path, name) => {
  const { json } = await api.ask('GET', path);
  await expect(pretty(json)).toMatchFileSnapshot(golden(name));
});

const aggregated = (version: string) =>
  `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;

/** Parameters may be quoted, and spaced. */
const typeOf = (headers: IncomingHttpHeaders): string | undefined =>
  headers['content-type']?.replace(/[" ]/g, '');

describe('aggregated', () => {
  test.each([['/api'], ['/apis']])('%s', async (path) => {
    const accept = `${aggregated('v2')},${aggregated('v2beta1')},application/json`;
    const { headers, json } = await api.ask('GET', path, { headers: { accept } });
    expect(typeOf(headers)).toBe(`${aggregated('v2')};charset=utf-8`);
    await expect(pretty(json)).toMatchFileSnapshot(golden(`aggregated${path.replaceAll('/', '-')}`));
  });

  test('in the older version for who knows only that', async () => {
    const { headers, json } = await api.ask('GET', '/apis', {
      headers: { accept: `${aggregated('v2beta1')},application/json` },
    });
    expect(typeOf(headers)).toBe(`${aggregated('v2beta1')};charset=utf-8`);
    expect(json).toMatchObject({ apiVersion: 'apidiscovery.k8s.io/v2beta1' });
  });

  test('a version that is not known is answered plainly', async () => {
    const { json } = await api.ask('GET', '/apis', {
      headers: { accept: `${aggregated('v9')},application/json` },
    });
    expect(json).toMatchObject({ kind: 'APIGroupList' });
  });
});

describe('OpenAPI', () => {
  test('version 3 names a document for each group version, with its hash', async () => {
    const { json } = await api.ask('GET', '/openapi/v3');
    const { paths } = json as unknown as { paths: Record<string, { serverRelativeURL: string }> };
    expect(Object.keys(paths)).toEqual([
      'api/v1',
      'apis/agentctl.dev/v1',
      'apis/subresources.agentctl.dev/v1',
    ]);
    for (const { serverRelativeURL } of Object.values(paths)) {
      const { json: document } = await api.ask('GET', serverRelativeURL);
      expect(document).toMatchObject({ openapi: '3.0.0', components: { schemas: expect.any(Object) } });
    }
  });

  test('what is published holds nothing of ours alone', async () => {
    const { text } = await api.ask('GET', '/openapi/v3/apis/agentctl.dev/v1');
    expect(text).not.toContain('x-agentctl-');
    expect(text).toContain('x-kubernetes-list-map-keys');
  });

  test('of a kind that is only read it tells no way to write', async () => {
    const { json } = await api.ask('GET', '/openapi/v3/apis/subresources.agentctl.dev/v1');
    const { paths } = json as unknown as { paths: Record<string, object> };
    const methods = Object.values(paths).flatMap((item) => Object.keys(item));
    expect(new Set(methods)).toEqual(new Set(['parameters', 'get']));
  });

  test('a patch says that it takes fieldValidation: clients leave validation to the server then', async () => {
    const { json } = await api.ask('GET', '/openapi/v3/apis/agentctl.dev/v1');
    const { paths } = json as unknown as { paths: Record<string, { patch?: object }> };
    expect(paths['/apis/agentctl.dev/v1/namespaces/{namespace}/agents/{name}']?.patch).toMatchObject({
      'x-kubernetes-group-version-kind': { group: 'agentctl.dev', version: 'v1', kind: 'Agent' },
      parameters: expect.arrayContaining([expect.objectContaining({ name: 'fieldValidation', in: 'query' })]),
    });
  });

  test('version 2 is JSON, and 406 for who takes only protobuf', async () => {
    const { json } = await api.ask('GET', '/openapi/v2', { headers: { accept: 'application/json' } });
    expect(json).toMatchObject({
      swagger: '2.0',
      definitions: { 'dev.agentctl.v1.Agent': { type: 'object' } },
    });
    const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
    expect((await api.ask('GET', '/openapi/v2', { headers: { accept } })).code).toBe(406);
  });
});
