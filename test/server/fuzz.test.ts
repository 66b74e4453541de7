import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ScriptedTalk } from '../fakes/talk.ts';
import { agent, type Running, run } from './support.ts';

let api: Running;
beforeAll(async () => {
  const talk = new ScriptedTalk();
  api = await run({ talk });
  talk.message('a');
  talk.finish('a', 'done');
  talk.conversation('a');
  talk.approval('a');
  await api.client.create('Agent', agent('a'));
  await api.client.create('Secret', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'a' },
    data: { b: 'Yw==' },
  });
});
afterAll(() => api.end());

const part = fc.constantFrom(
  'api',
  'apis',
  'v1',
  'agentctl.dev',
  'namespaces',
  'default',
  'agents',
  'secrets',
  'events',
  'runtimes',
  'a',
  'status',
  'scale',
  'openapi',
  'v3',
  'subresources.agentctl.dev',
  '%2e%2e',
  '%00',
  'ü',
  '%',
  '',
);
const path = fc.oneof(
  fc.array(part, { maxLength: 8 }).map((parts) => `/${parts.join('/')}`),
  fc.constantFrom(
    '/apis/agentctl.dev/v1/namespaces/default/agents/a',
    '/apis/agentctl.dev/v1/namespaces/default/agents',
    '/apis/agentctl.dev/v1/namespaces/default/agents/a/scale',
    '/apis/agentctl.dev/v1/namespaces/default/agents/a/status',
    '/api/v1/namespaces/default/secrets/a',
    ...[
      'messages',
      'messages/a',
      'messages/a/stream',
      'messages/a/retry',
      'messages/a/cancel',
      'messages/a/status',
      'conversations/a',
      'conversations/a/close',
      'approvals/a/approve',
      'approvals/a/deny',
      'agents/web/messages',
      'agents/a/messages',
      'agents/web/query',
    ].map((rest) => `/apis/subresources.agentctl.dev/v1/namespaces/default/${rest}`),
  ),
);
const query = fc.dictionary(
  fc.constantFrom(
    'limit',
    'continue',
    'labelSelector',
    'fieldSelector',
    'resourceVersion',
    'resourceVersionMatch',
    'dryRun',
    'fieldManager',
    'force',
    'fieldValidation',
    'pretty',
    'includeObject',
    'propagationPolicy',
    'after',
  ),
  fc.oneof(fc.string(), fc.constantFrom('All', 'true', '1', 'a=b', 'Strict', 'x')),
  { maxKeys: 4 },
);
const json = fc.oneof(
  fc.json(),
  fc
    .record(
      {
        kind: fc.constantFrom('Agent', 'Secret', 'Scale', 'DeleteOptions'),
        metadata: fc.oneof(
          fc.jsonValue(),
          fc.record({ name: fc.jsonValue(), labels: fc.jsonValue(), managedFields: fc.jsonValue() }),
        ),
        spec: fc.oneof(fc.jsonValue(), fc.record({ replicas: fc.jsonValue(), template: fc.jsonValue() })),
        data: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
  fc
    .record(
      {
        text: fc.jsonValue(),
        items: fc.oneof(fc.jsonValue(), fc.array(fc.record({ text: fc.string(), from: fc.jsonValue() }))),
        conversation: fc.jsonValue(),
        key: fc.jsonValue(),
        timeout: fc.oneof(fc.jsonValue(), fc.constantFrom('5s', '0s', '-1s')),
        by: fc.jsonValue(),
        action: fc.jsonValue(),
        params: fc.jsonValue(),
        timeoutSeconds: fc.oneof(fc.jsonValue(), fc.double()),
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
  fc
    .array(
      fc.record(
        {
          op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'),
          path: fc.constantFrom('/spec', '/metadata/name', '/spec/replicas', '/-', '', '/a~2'),
          value: fc.jsonValue(),
          from: fc.constantFrom('/spec', ''),
        },
        { requiredKeys: ['op', 'path'] },
      ),
    )
    .map((value) => JSON.stringify(value)),
  fc.string(),
);
const headers = fc.record(
  {
    'content-type': fc.constantFrom(
      'application/json',
      'application/yaml',
      'application/merge-patch+json',
      'application/json-patch+json',
      'application/apply-patch+yaml',
      'application/vnd.kubernetes.protobuf',
      'text/plain',
    ),
    accept: fc.constantFrom(
      'application/json',
      '*/*',
      'application/json;as=Table;v=v1;g=meta.k8s.io',
      'application/yaml',
      ';;',
      'text/event-stream',
      'application/json;as=',
    ),
  },
  { requiredKeys: [] },
);

test('whatever is asked, the answer is never a 500, and a failure is a Status', async () => {
  const property = fc.asyncProperty(
    fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE'),
    path,
    query,
    headers,
    fc.option(json, { nil: undefined }),
    async (method, where, asked, sent, body) => {
      const text = `${encodeURI(where).replaceAll('%25', '%')}?${new URLSearchParams(asked)}`;
      const answer = await api.ask(method, text, { headers: sent, ...(body === undefined ? {} : { body }) });
      expect(answer.code).toBeLessThan(500);
      if (answer.code >= 400)
        expect(answer.json).toMatchObject({ kind: 'Status', status: 'Failure', code: answer.code });
    },
  );
  await fc.assert(property, { numRuns: 2_000 });
});
