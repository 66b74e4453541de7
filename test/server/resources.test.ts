import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { growthOf } from '../growth.ts';
import { agent, type Running, run } from './support.ts';

const agents = '/apis/agentctl.dev/v1/namespaces/default/agents';
const patchType = (type: string) => ({ headers: { 'content-type': `application/${type}` } });

let api: Running;
beforeAll(async () => {
  api = await run();
});
afterAll(() => api.end());

describe('what each verb answers', () => {
  test('a new object is 201, with what the server sets', async () => {
    const { code, json } = await api.ask('POST', agents, { body: agent('made') });
    expect(code).toBe(201);
    expect(json).toMatchObject({
      kind: 'Agent',
      metadata: { name: 'made', namespace: 'default', generation: 1, uid: expect.any(String) },
      spec: { replicas: 1 },
    });
  });

  test('an object that is there already is 409 AlreadyExists', async () => {
    await api.ask('POST', agents, { body: agent('twice') });
    const { code, json } = await api.ask('POST', agents, { body: agent('twice') });
    expect([code, json]).toMatchObject([409, { kind: 'Status', reason: 'AlreadyExists', code: 409 }]);
  });

  test('an apply that makes the object is 201, an unchanged one 200 with the same resourceVersion', async () => {
    const apply = () =>
      api.ask('PATCH', `${agents}/applied?fieldManager=test`, {
        ...patchType('apply-patch+yaml'),
        body: agent('applied'),
      });
    const [first, second] = [await apply(), await apply()];
    expect([first.code, second.code]).toEqual([201, 200]);
    expect(second.json).toEqual(first.json);
  });

  test('an apply takes YAML too', async () => {
    const body =
      'apiVersion: agentctl.dev/v1\nkind: Agent\nmetadata: { name: yaml }\nspec: { template: { command: [sleep] } }\n';
    const { code, json } = await api.ask('PATCH', `${agents}/yaml?fieldManager=test`, {
      ...patchType('apply-patch+yaml'),
      body,
    });
    expect([code, json]).toMatchObject([201, { spec: { template: { command: ['sleep'] } } }]);
  });

  test('an apply without fieldManager is 422', async () => {
    const { code, json } = await api.ask('PATCH', `${agents}/x`, {
      ...patchType('apply-patch+yaml'),
      body: agent('x'),
    });
    expect([code, json]).toMatchObject([
      422,
      { reason: 'Invalid', message: expect.stringContaining('fieldManager') },
    ]);
  });

  test('merge and JSON patches change one field', async () => {
    await api.ask('POST', agents, { body: agent('patched') });
    const merged = await api.ask('PATCH', `${agents}/patched`, {
      ...patchType('merge-patch+json'),
      body: { spec: { replicas: 2 } },
    });
    expect(merged.json).toMatchObject({ spec: { replicas: 2 } });
    const stepped = await api.ask('PATCH', `${agents}/patched`, {
      ...patchType('json-patch+json'),
      body: [{ op: 'replace', path: '/spec/replicas', value: 3 }],
    });
    expect(stepped.json).toMatchObject({ spec: { replicas: 3 }, metadata: { generation: 3 } });
  });

  test('the status is read below its own path, and no request writes it', async () => {
    const made = await api.client.create('Agent', agent('status'));
    await api.controller.update('Agent', { ...made, status: { phase: 'Ready' } }, { subresource: 'status' });
    const path = `${agents}/status`;
    const body = { status: { phase: 'Failed' } };
    const merge = { ...patchType('merge-patch+json'), body };
    for (const [method, how] of [
      ['PATCH', merge],
      ['PUT', { body: { ...made, ...body } }],
    ] as const)
      expect(await api.ask(method, `${path}/status`, how)).toMatchObject({
        code: 403,
        json: {
          message: `agents.agentctl.dev/status "default/status" is forbidden: User "local" cannot ${method === 'PUT' ? 'update' : 'patch'} it: only the controller can do that`,
        },
      });
    expect((await api.ask('PATCH', path, merge)).json).toMatchObject({ status: { phase: 'Ready' } });
    expect((await api.ask('GET', `${path}/status`)).json).toMatchObject({ status: { phase: 'Ready' } });
  });

  test('an Instance is deleted, and let go of, but not written', async () => {
    const instances = '/apis/agentctl.dev/v1/namespaces/default/instances';
    const made = await api.controller.create('Instance', {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Instance',
      metadata: { name: 'x-0', namespace: 'default', finalizers: ['agentctl.dev/run'] },
      spec: { agentName: 'x', agentUID: 'u', ordinal: 0, runtimeRef: { name: 'process' } },
    });
    const merge = (body: object) => ({ ...patchType('merge-patch+json'), body });
    const steps = (...body: object[]) => ({
      ...patchType('json-patch+json'),
      body: JSON.stringify(body),
    });
    const other = { name: 'other' };
    const spec = { ...made.spec, runtimeRef: other };
    const refused: [string, string, object][] = [
      ['POST', instances, { body: { ...made, metadata: { name: 'x-1' } } }],
      ['PUT', `${instances}/x-0`, { body: { ...made, spec } }],
      ['PATCH', `${instances}/x-0`, merge({ spec })],
      ['PATCH', `${instances}/x-0`, merge({ spec, metadata: { finalizers: null } })],
      ['PATCH', `${instances}/x-0`, merge({ metadata: { finalizers: null, ownerReferences: null } })],
      ['PATCH', `${instances}/x-0`, merge({ metadata: { labels: { a: 'b' } } })],
      [
        'PATCH',
        `${instances}/x-0`,
        steps({ op: 'copy', from: '/metadata/finalizers', path: '/metadata/labels' }),
      ],
      [
        'PATCH',
        `${instances}/x-0`,
        steps(
          { op: 'remove', path: '/metadata/finalizers' },
          { op: 'replace', path: '/spec/runtimeRef', value: other },
        ),
      ],
      [
        'PATCH',
        `${instances}/x-0?fieldManager=me&force=true`,
        { ...patchType('apply-patch+yaml'), body: { ...made, metadata: { name: 'x-0' }, spec } },
      ],
    ];
    for (const [method, path, how] of refused)
      expect([how, (await api.ask(method, path, how)).code]).toEqual([how, 403]);
    expect((await api.ask('DELETE', `${instances}/x-0`)).code).toBe(200);
    expect(await api.client.get('Instance', { namespace: 'default', name: 'x-0' })).toMatchObject({
      spec: made.spec,
      metadata: { deletionTimestamp: expect.any(String) },
    });
    expect((await api.ask('PATCH', `${instances}/x-0`, merge({ metadata: { finalizers: null } }))).code).toBe(
      200,
    );
    expect((await api.ask('GET', `${instances}/x-0`)).code).toBe(404);
  });

  test('the scale is read and set as autoscaling/v1 has it', async () => {
    await api.ask('POST', agents, { body: agent('scaled') });
    const path = `${agents}/scaled/scale`;
    const set = await api.ask('PATCH', path, {
      ...patchType('merge-patch+json'),
      body: { spec: { replicas: 4 } },
    });
    expect(set.json).toMatchObject({ kind: 'Scale', apiVersion: 'autoscaling/v1', spec: { replicas: 4 } });
    const stale = { ...set.json, metadata: { name: 'scaled', resourceVersion: '1' } };
    expect((await api.ask('PUT', path, { body: stale })).code).toBe(409);
    expect((await api.ask('GET', path)).json).toMatchObject({ spec: { replicas: 4 } });
  });

  test('a delete answers the object that went', async () => {
    await api.ask('POST', agents, { body: agent('gone') });
    const options = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' };
    const { code, json } = await api.ask('DELETE', `${agents}/gone`, { body: options });
    expect([code, json]).toMatchObject([200, { kind: 'Agent', metadata: { name: 'gone' } }]);
    expect((await api.ask('GET', `${agents}/gone`)).code).toBe(404);
  });

  test('a delete with another uid is 409 and deletes nothing', async () => {
    await api.ask('POST', agents, { body: agent('kept') });
    const { code } = await api.ask('DELETE', `${agents}/kept`, { body: { preconditions: { uid: 'other' } } });
    expect(code).toBe(409);
    expect((await api.ask('GET', `${agents}/kept`)).code).toBe(200);
  });

  test('a collection is deleted by its labels', async () => {
    const maps = '/api/v1/namespaces/default/configmaps';
    for (const [name, app] of [
      ['a', 'x'],
      ['b', 'x'],
      ['c', 'y'],
    ] as const)
      await api.ask('POST', maps, { body: { metadata: { name, labels: { app } } } });
    await api.ask('DELETE', `${maps}?labelSelector=app%3Dx`);
    const left = await api.client.list('ConfigMap', { namespace: 'default' });
    expect(left.items.map(({ metadata }) => metadata.name)).toEqual(['c']);
  });

  test('a dry run writes nothing', async () => {
    expect((await api.ask('POST', `${agents}?dryRun=All`, { body: agent('dry') })).code).toBe(201);
    expect((await api.ask('GET', `${agents}/dry`)).code).toBe(404);
  });

  test('unknown fields are told in the Warning header, and refused when asked so', async () => {
    const body = agent('odd', { replcas: 2 });
    const warned = await api.ask('POST', agents, { body });
    expect(warned.headers.warning).toMatch(/^299 - "unknown field \\"spec\.replcas\\"/);
    const strict = await api.ask('POST', `${agents}?fieldValidation=Strict`, {
      body: agent('odder', { replcas: 2 }),
    });
    expect([strict.code, strict.json]).toMatchObject([
      400,
      { message: expect.stringContaining('spec.replcas') },
    ]);
  });

  test('many warnings are cut, so that clients can take the header', async () => {
    const odd = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`unknown${n}`, n]));
    const { code, headers } = await api.ask('POST', agents, { body: agent('very-odd', odd) });
    expect(code).toBe(201);
    expect(String(headers.warning).length).toBeLessThan(6_000);
  });

  test('a list goes on where its page ended', async () => {
    await api.ask('POST', agents, { body: agent('one') });
    await api.ask('POST', agents, { body: agent('two') });
    const first = await api.client.list('Agent', { limit: 1 });
    const second = await api.client.list('Agent', { limit: 1, continue: first.metadata.continue });
    expect(first.metadata.remainingItemCount).toBeGreaterThan(0);
    expect(second.items[0]?.metadata.name).not.toBe(first.items[0]?.metadata.name);
  });

  test('fields and labels select over all namespaces', async () => {
    await api.ask('POST', agents, { body: agent('chosen') });
    const { json } = await api.ask(
      'GET',
      '/apis/agentctl.dev/v1/agents?fieldSelector=metadata.name%3Dchosen',
    );
    expect(json).toMatchObject({
      kind: 'AgentList',
      apiVersion: 'agentctl.dev/v1',
      items: [{ metadata: { name: 'chosen' } }],
    });
  });
});

describe('what is refused', () => {
  test.each<
    [string, string, string, { headers?: Record<string, string>; body?: object | string }, number, string]
  >([
    ['an unknown path', 'GET', '/nonsense', {}, 404, 'NotFound'],
    ['an unknown group', 'GET', '/apis/nobody.dev/v1/agents', {}, 404, 'NotFound'],
    ['an unknown object', 'GET', `${agents}/nobody`, {}, 404, 'NotFound'],
    ['a method that the path has not', 'PUT', agents, { body: {} }, 405, 'MethodNotAllowed'],
    [
      'a write to the collection of all namespaces',
      'POST',
      '/apis/agentctl.dev/v1/agents',
      { body: {} },
      405,
      'MethodNotAllowed',
    ],
    [
      'a status of a kind that has none',
      'GET',
      '/api/v1/namespaces/default/secrets/x/status',
      {},
      404,
      'NotFound',
    ],
    ['bad JSON', 'POST', agents, { body: '{' }, 400, 'BadRequest'],
    ['a body that is no object', 'POST', agents, { body: '[]' }, 400, 'BadRequest'],
    ['no body', 'POST', agents, {}, 400, 'BadRequest'],
    ['another kind', 'POST', agents, { body: { kind: 'Secret' } }, 400, 'BadRequest'],
    ['an invalid object', 'POST', agents, { body: agent('bad', { replicas: -1 }) }, 422, 'Invalid'],
    [
      'an unknown content type',
      'POST',
      agents,
      { headers: { 'content-type': 'text/plain' }, body: 'x' },
      415,
      'UnsupportedMediaType',
    ],
    [
      'a strategic patch',
      'PATCH',
      `${agents}/x`,
      { ...patchType('strategic-merge-patch+json'), body: {} },
      415,
      'UnsupportedMediaType',
    ],
    [
      'an apply in CBOR',
      'PATCH',
      `${agents}/x?fieldManager=x`,
      { ...patchType('apply-patch+cbor'), body: 'x' },
      415,
      'UnsupportedMediaType',
    ],
    [
      'a form that nobody makes',
      'GET',
      agents,
      { headers: { accept: 'application/cbor' } },
      406,
      'NotAcceptable',
    ],
    ['a limit that is no number', 'GET', `${agents}?limit=few`, {}, 400, 'BadRequest'],
    ['a dry run of another sort', 'POST', `${agents}?dryRun=Some`, { body: agent('x') }, 422, 'Invalid'],
    ['a selector that cannot be read', 'GET', `${agents}?labelSelector=%3D%3D`, {}, 400, 'BadRequest'],
  ])('%s', async (_, method, path, how, code, reason) => {
    const answer = await api.ask(method, path, how);
    expect([answer.code, answer.json]).toMatchObject([
      code,
      { kind: 'Status', status: 'Failure', reason, code },
    ]);
  });

  test('a body over 3 MiB is 413', async () => {
    const { code, json } = await api.ask('POST', agents, { body: `{"a":"${'x'.repeat(3 * 1024 * 1024)}"}` });
    expect([code, json]).toMatchObject([413, { reason: 'RequestEntityTooLarge' }]);
  });

  test('a body that is no UTF-8 is 400', async () => {
    const { code } = await api.ask('POST', agents, { body: Buffer.from([0x7b, 0xff, 0x7d]) });
    expect(code).toBe(400);
  });

  test.each([
    ['JSON', 'merge-patch+json', '{"data":{"token":hunter2}}'],
    ['JSON that is cut', 'merge-patch+json', '{"data":{"token":"hunter2'],
    ['YAML', 'apply-patch+yaml', 'data: {token: [hunter2'],
    ['YAML with a key twice', 'apply-patch+yaml', 'data:\n  hunter2: x\n  hunter2: y\n'],
    ['YAML with an unknown alias', 'apply-patch+yaml', 'data: *hunter2\n'],
  ])('bad %s is told without what stands in it, which may be secret', async (_, type, body) => {
    const answer = await api.ask('PATCH', '/api/v1/namespaces/default/secrets/x?fieldManager=x', {
      ...patchType(type),
      body,
    });
    expect(answer.code).toBe(400);
    expect(answer.text).not.toContain('hunter');
  });

  test.each([
    ['JSON', 'merge-patch+json', `{"spec":${'['.repeat(10_000)}${']'.repeat(10_000)}}`],
    ['YAML', 'apply-patch+yaml', `spec: ${'['.repeat(10_000)}`],
  ])('%s that is nested too deeply is 400', async (_, type, body) => {
    expect((await api.ask('PATCH', `${agents}/deep?fieldManager=x`, { ...patchType(type), body })).code).toBe(
      400,
    );
  });

  const bigMap = (keys: number, name = 'big'): string => {
    const data = Array.from({ length: keys }, (_, n) => `  k${n}: x`).join('\n');
    return `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata:\n${data}\n`;
  };

  test('a big ConfigMap takes no time beyond its size', async () => {
    let made = 0;
    const apply = async (keys: number): Promise<void> => {
      const name = `big-${made++}`;
      const how = { ...patchType('apply-patch+yaml'), body: bigMap(keys, name) };
      const path = `/api/v1/namespaces/default/configmaps/${name}?fieldManager=x`;
      const { code } = await api.ask('PATCH', path, how);
      expect(code).toBe(201);
    };
    expect(await growthOf(apply, [500, 4_000])).toBeLessThan(1.5);
  });

  test('an object with too many fields is 413, in YAML and JSON', async () => {
    const path = '/api/v1/namespaces/default/configmaps';
    const yaml = { ...patchType('apply-patch+yaml'), body: bigMap(20_000) };
    const first = await api.ask('PATCH', `${path}/big?fieldManager=x`, yaml);
    expect([first.code, first.text]).toEqual([
      413,
      expect.stringContaining('fields and items, at most 10000 are allowed: split it'),
    ]);
    const data = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`k${n}`, 'x']));
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'big' }, data };
    expect((await api.ask('POST', path, { body: JSON.stringify(body) })).code).toBe(413);
  });

  test('a body with fields without number is 413 before it is parsed', async () => {
    const body = `{"spec":[${Array(100_000).fill('[]').join(',')}]}`;
    const { code, text } = await api.ask('PATCH', `${agents}/a`, { ...patchType('merge-patch+json'), body });
    expect([code, text]).toEqual([413, expect.stringContaining('it has more than 100000 fields and items')]);
  });

  test('long YAML is read as short YAML is', async () => {
    const comment = `# ${'x'.repeat(10_000)}\n`;
    const apply = (body: string) =>
      api.ask('PATCH', `/api/v1/namespaces/default/configmaps/long?fieldManager=x`, {
        ...patchType('apply-patch+yaml'),
        body,
      });
    const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: long }\ndata: { a: b }\n';
    expect((await apply(text + comment)).code).toBe(201);
    const wrong = await apply(`${text}hunter2: [\n${comment}`);
    expect([wrong.code, wrong.text]).toEqual([400, expect.stringMatching(/is not YAML at position \d+/)]);
    expect(wrong.text).not.toContain('hunter');
    expect((await apply(`- a\n${comment}`)).code).toBe(400);
  });

  test('YAML that multiplies itself is 400, at once', async () => {
    const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x]'];
    for (let n = 1; n < 12; n++)
      lines.push(
        `a${n}: &a${n} [${Array(9)
          .fill(`*a${n - 1}`)
          .join(',')}]`,
      );
    const how = { ...patchType('apply-patch+yaml'), body: lines.join('\n') };
    expect((await api.ask('PATCH', `${agents}/bomb?fieldManager=x`, how)).code).toBe(400);
  });
});

describe('forms', () => {
  test('metadata alone', async () => {
    await api.ask('POST', agents, { body: agent('meta') });
    const accept = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
    const { json } = await api.ask('GET', `${agents}/meta`, { headers: { accept } });
    expect(Object.keys(json).sort()).toEqual(['apiVersion', 'kind', 'metadata']);
    expect(json).toMatchObject({ kind: 'PartialObjectMetadata' });
  });

  test('JSON for a client that would rather have protobuf', async () => {
    const accept = 'application/vnd.kubernetes.protobuf,application/json';
    const { headers } = await api.ask('GET', '/api/v1/namespaces/default', { headers: { accept } });
    expect(headers['content-type']).toMatch(/^application\/json/);
  });

  test('YAML', async () => {
    const { headers, text } = await api.ask('GET', '/api/v1/namespaces/default', {
      headers: { accept: 'application/yaml' },
    });
    expect(headers['content-type']).toBe('application/yaml');
    expect(text).toContain('kind: Namespace\n');
  });

  test('indented when asked for, and for curl', async () => {
    const pretty = await api.ask('GET', '/version?pretty=true');
    const curl = await api.ask('GET', '/version', { headers: { 'user-agent': 'curl/8.0' } });
    expect(pretty.text).toContain('\n  "major"');
    expect(curl.text).toBe(pretty.text);
    expect((await api.ask('GET', '/version')).text).not.toContain('\n');
  });
});
