import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { authorAnnotation, authorOf } from '../../src/api/annotations.ts';
import { kindInfo } from '../../src/api/kinds.ts';
import type { Agent, New, Sync, SyncSpec } from '../../src/api/objects.ts';
import { createHttpClient, type HttpClient } from '../../src/client/http.ts';
import type { Streams } from '../../src/client/streams.ts';
import { bearerTokens, mayUse, type Role } from '../../src/server/access.ts';
import { ensureCertificate, ensureTokens } from '../../src/server/remote.ts';
import { ManualClock } from '../fakes/clock.ts';
import { ScriptedTalk } from '../fakes/talk.ts';
import { agent, type Running, run } from './support.ts';

let api: Running;
let ca: string;
const script = new ScriptedTalk();
/** In whose name plans were asked for. */
const planned: (string | undefined)[] = [];
const clients: HttpClient[] = [];
const token = new Map<string, string>();

beforeAll(async () => {
  const plan: Streams['plan'] = async (_, options) => {
    planned.push(options?.author);
    return [];
  };
  const streams = Object.assign(script, { stopAgents: async () => {}, plan });
  api = await run({ listen: '127.0.0.1:0', talk: script, streams });
  ({ ca } = await ensureCertificate(folder(), '127.0.0.1', api.clock));
  for (const entry of await ensureTokens(folder())) token.set(entry.role, entry.token);
  await api.client.create('Agent', agent('seen'));
  await api.client.create('Secret', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'key' },
    stringData: { a: 'b' },
  });
});
afterAll(async () => {
  for (const client of clients) client.close();
  await api.end();
});

function as(bearer: string | undefined, trust: string | undefined = ca): HttpClient {
  const client = createHttpClient({ url: api.server.tls?.address ?? '', ca: trust, token: bearer });
  clients.push(client);
  return client;
}

const folder = (): string => join(api.folder, 'server');

const key = (name: string) => ({ namespace: 'default', name });

describe('over TCP', () => {
  test('no token, an unknown one, and an empty one are 401', async () => {
    for (const bearer of [undefined, 'nonsense', ''])
      await expect(as(bearer).get('Agent', key('seen'))).rejects.toMatchObject({
        code: 'Unauthorized',
        status: 401,
      });
  });

  test('health and version need no token', async () => {
    const paths = ['/healthz', '/livez', '/readyz?verbose', '/version'];
    const codes = await Promise.all(paths.map(async (path) => (await fetchTls(path)).code));
    expect(codes).toEqual([200, 200, 200, 200]);
    expect((await fetchTls('/apis')).code).toBe(401);
  });

  test.each<[Role, string, string]>([
    ['admin', 'read all, write all', ''],
    ['edit', 'read all, write what is in a namespace', 'create Runtime, create Namespace, stopAgents'],
    [
      'view',
      'read all but Secrets',
      'get Secret, list Secret, create Agent, delete Agent, create Runtime, create Namespace, stopAgents',
    ],
  ])('%s may %s', async (role, _, refused) => {
    const client = as(token.get(role));
    const tried: Record<string, () => Promise<unknown>> = {
      'get Agent': () => client.get('Agent', key('seen')),
      'get Secret': () => client.get('Secret', key('key')),
      'list Secret': () => client.list('Secret'),
      'list Runtime': () => client.list('Runtime'),
      'create Agent': () => client.create('Agent', agent(`by-${role}`)),
      'delete Agent': () => client.delete('Agent', key(`by-${role}`)),
      'create Runtime': () =>
        client.create('Runtime', {
          apiVersion: 'agentctl.dev/v1',
          kind: 'Runtime',
          metadata: { name: `by-${role}` },
          spec: { driver: 'process' },
        }),
      'create Namespace': () =>
        client.create('Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: `by-${role}` } }),
      stopAgents: () => client.stopAgents(),
    };
    const forbidden: string[] = [];
    for (const [name, attempt] of Object.entries(tried)) {
      const reason = await attempt().then(
        () => undefined,
        (error) => error.code,
      );
      if (reason !== undefined) expect([name, reason]).toEqual([name, 'Forbidden']);
      if (reason === 'Forbidden') forbidden.push(name);
    }
    expect(forbidden.join(', ')).toBe(refused);
  });

  test('edit removes no Event, which may tell what it did', async () => {
    expect(mayUse('edit', 'delete', kindInfo('Event'))).toBe(false);
    expect(mayUse('edit', 'deletecollection', kindInfo('Event'))).toBe(false);
    expect(mayUse('admin', 'delete', kindInfo('Event'))).toBe(true);
    expect(mayUse('edit', 'list', kindInfo('Event'))).toBe(true);
  });

  test('edit gets no further by a Sync, which applies as the controller, than by itself', async () => {
    const sync = (name: string, allowedKinds?: SyncSpec['allowedKinds']): New<Sync> => ({
      apiVersion: 'agentctl.dev/v1',
      kind: 'Sync',
      metadata: { name },
      spec: {
        ...(allowedKinds && { allowedKinds }),
        source: { git: { url: 'https://git.example/fleet.git' } },
      },
    });
    const edit = as(token.get('edit'));
    const refused = { code: 'Forbidden', message: expect.stringContaining('Runtime') };
    const apply = (name: string, body: object) =>
      edit.patch('Sync', key(name), { type: 'apply', body: { ...body } }, { fieldManager: 'agentctl' });
    const merge = (name: string, body: object) => edit.patch('Sync', key(name), { type: 'merge', body });

    await expect(edit.create('Sync', sync('wide', ['Agent', 'Runtime']))).rejects.toMatchObject(refused);
    await expect(apply('wide', sync('wide', ['Runtime']))).rejects.toMatchObject(refused);
    await edit.create('Sync', sync('narrow'));
    await expect(merge('narrow', { spec: { allowedKinds: ['Runtime'] } })).rejects.toMatchObject(refused);
    expect((await merge('narrow', { spec: { interval: '5m' } })).kind).toBe('Sync');

    await as(token.get('admin')).create('Sync', sync('wide', ['Runtime']));
    const diverted = { spec: { source: { git: { url: 'https://evil.example/fleet.git' } } } };
    await expect(merge('wide', diverted)).rejects.toMatchObject(refused);
    await expect(merge('wide', { spec: { ...diverted.spec, allowedKinds: [] } })).rejects.toMatchObject(
      refused,
    );
    expect(
      (await merge('wide', { metadata: { annotations: { 'agentctl.dev/sync-requested': 'x' } } })).kind,
    ).toBe('Sync');
    for (const annotations of [
      { 'agentctl.dev/approved-revision': 'abc' },
      { 'agentctl.dev/sync-requested': 'y force-conflicts' },
    ]) {
      await expect(merge('wide', { metadata: { annotations } })).rejects.toMatchObject(refused);
      expect((await merge('narrow', { metadata: { annotations } })).kind).toBe('Sync');
    }
    expect((await edit.get('Sync', key('wide'))).spec.source.git?.url).toBe('https://git.example/fleet.git');
  });

  test('edit may follow no folder of this host, by no way of writing, nor turn a Sync that does', async () => {
    const sync = (name: string, source: SyncSpec['source']): New<Sync> => ({
      apiVersion: 'agentctl.dev/v1',
      kind: 'Sync',
      metadata: { name },
      spec: { source },
    });
    const directory = { directory: { path: '/root' } } as SyncSpec['source']; // the rest has defaults
    const git = (url: string) => ({ git: { url } }) as SyncSpec['source']; // as above
    const [edit, admin] = [as(token.get('edit')), as(token.get('admin'))];
    const refused = { code: 'Forbidden', message: expect.stringContaining('a folder of this host') };
    for (const source of [directory, git('file:///root/repository')]) {
      await expect(edit.create('Sync', sync('host', source))).rejects.toMatchObject(refused);
      const apply = { type: 'apply', body: { ...sync('host', source) } } as const;
      await expect(
        edit.patch('Sync', key('host'), apply, { fieldManager: 'agentctl' }),
      ).rejects.toMatchObject(refused);
    }
    await edit.create('Sync', sync('mine', git('https://git.example/fleet.git')));
    const mine = await edit.get('Sync', key('mine'));
    await expect(
      edit.update('Sync', { ...mine, spec: { ...mine.spec, source: directory } }),
    ).rejects.toMatchObject(refused);
    const url = { spec: { source: { git: { url: 'file:///root/repository' } } } };
    await expect(edit.patch('Sync', key('mine'), { type: 'merge', body: url })).rejects.toMatchObject(
      refused,
    );

    await admin.create('Sync', sync('host', directory));
    const elsewhere = { spec: { source: { directory: { path: '/etc' } } } };
    await expect(edit.patch('Sync', key('host'), { type: 'merge', body: elsewhere })).rejects.toMatchObject(
      refused,
    );
    const asked = { metadata: { annotations: { 'agentctl.dev/sync-requested': 'x' } } };
    expect((await edit.patch('Sync', key('host'), { type: 'merge', body: asked })).kind).toBe('Sync');
  });

  test('an object has the token that wrote it for its author, but for that of an admin, whatever it says', async () => {
    const [edit, admin] = [as(token.get('edit')), as(token.get('admin'))];
    const named = (name: string): New<Agent> => {
      const made = agent(name);
      return { ...made, metadata: { ...made.metadata, annotations: { [authorAnnotation]: 'agent:other' } } };
    };
    const drop = {
      type: 'merge',
      body: { metadata: { annotations: { [authorAnnotation]: null } } },
    } as const;
    expect(authorOf(await edit.create('Agent', named('written')))).toBe('token:edit');
    expect(authorOf(await admin.create('Agent', named('written-by-admin')))).toBeUndefined();
    expect(authorOf(await api.client.create('Agent', named('written-here')))).toBeUndefined();

    const body = { spec: { template: { command: ['other'] } } };
    const change = (client: HttpClient, name: string) =>
      client.patch('Agent', key(name), { type: 'merge', body });
    expect(authorOf(await change(admin, 'written-by-admin'))).toBeUndefined();
    expect(authorOf(await change(edit, 'written-here'))).toBe('token:edit');
    const scale = { type: 'merge', body: { spec: { replicas: 2 } } } as const;
    await edit.patch('Agent', key('written-by-admin'), scale, { subresource: 'scale' });
    expect(authorOf(await edit.get('Agent', key('written-by-admin')))).toBeUndefined();

    expect(authorOf(await edit.patch('Agent', key('written'), drop))).toBe('token:edit');
    expect(authorOf(await admin.patch('Agent', key('written'), drop, { dryRun: true }))).toBeUndefined();
    expect(authorOf(await admin.patch('Agent', key('written'), drop))).toBeUndefined();
    expect(authorOf(await api.client.patch('Agent', key('written-here'), drop))).toBeUndefined();
  });

  test('a plan is made in the name of who asks for it', async () => {
    for (const role of ['admin', 'edit']) await as(token.get(role)).plan([agent('planned')]);
    expect(planned).toEqual([undefined, 'token:edit']);
  });

  test.each<[Role, string]>([
    ['admin', ''],
    ['edit', ''],
    ['view', 'send, query, retry, cancel, approve, deny, close'],
  ])('%s may talk to agents, where it may write, and see the talk', async (role, refused) => {
    const client = as(token.get(role));
    script.message('m', { status: { state: 'Failed' } });
    script.finish('m', 'done');
    script.conversation('c');
    script.approval('a');
    script.approval('b');
    const { signal } = new AbortController();
    const tried: Record<string, () => Promise<unknown>> = {
      send: () => client.send(key('web'), [{ text: 'hi' }]),
      query: () => client.query(key('web'), { action: 'status' }),
      retry: () => client.change(key('m'), 'retry'),
      cancel: () => client.change(key('m'), 'cancel'),
      approve: () => client.decide(key('a'), 'approve', { by: role }),
      deny: () => client.decide(key('b'), 'deny', { by: role }),
      close: () => client.closeConversation(key('c')),
      stream: () => readOut(client.stream(key('m'), { signal })),
      'get Message': () => client.get('Message', key('m')),
      'list Approval': () => client.list('Approval'),
    };
    const forbidden: string[] = [];
    for (const [name, attempt] of Object.entries(tried)) {
      const reason = await attempt().then(
        () => undefined,
        (error) => error.code,
      );
      if (reason !== undefined) expect([name, reason]).toEqual([name, 'Forbidden']);
      if (reason === 'Forbidden') forbidden.push(name);
    }
    expect(forbidden.join(', ')).toBe(refused);
    if (refused === '') expect(script.sent.at(-1)?.from).toBe(role);
  });

  test.each([
    [undefined, 'edit'],
    ['edit', 'edit'],
    ['ann', 'edit'],
    ['admin', 'edit'],
  ])('a decision in the name of %s is the decision of the user of the token', async (by, told) => {
    script.approval('a');
    const path = '/apis/subresources.agentctl.dev/v1/namespaces/default/approvals/a/approve';
    const { code, text } = await fetchTls(path, { bearer: token.get('edit'), body: { by } });
    expect([code, JSON.parse(text).status]).toEqual([200, { state: 'Approved', by: told }]);
  });

  test.each([
    [{ 'impersonate-user': 'view' }, 'users "view"'],
    [{ 'impersonate-group': 'staff', 'impersonate-user': 'view' }, 'users "view"'],
    [{ 'impersonate-group': 'staff' }, 'groups "staff"'],
    [{ 'impersonate-uid': '7' }, 'uids.authentication.k8s.io "7"'],
    [{ 'impersonate-extra-scopes': 'all' }, 'userextras.authentication.k8s.io "all"'],
    [{ 'impersonate-user': '' }, 'users ""'],
  ])('who says %j is refused, on every path', async (headers, what) => {
    const review = { spec: { resourceAttributes: { verb: 'get', resource: 'secrets' } } };
    const asks: [path: string, body?: object][] = [
      ['/apis'],
      ['/healthz'],
      ['/version'],
      ['/openapi/v3'],
      ['/nowhere'],
      ['/api/v1/namespaces/default/secrets/key'],
      ['/apis/subresources.agentctl.dev/v1/namespaces/default/messages/m/stream'],
      ['/apis/subresources.agentctl.dev/v1/controller'],
      ['/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', review],
      ['/apis/subresources.agentctl.dev/v1/namespaces/default/agents/web/messages', { text: 'hi' }],
      ['/webhooks/syncs/default/fleet', {}],
    ];
    for (const [path, body] of asks) {
      const how = { headers, ...(body === undefined ? {} : { body }) };
      const method = body === undefined ? 'GET' : 'POST';
      for (const [user, told] of [
        ['admin', await fetchTls(path, { bearer: token.get('admin'), ...how })],
        ['local', await api.ask(method, path, how)],
      ] as const) {
        expect([path, told.code]).toEqual([path, 403]);
        expect(JSON.parse(told.text).message).toContain(
          `${what} is forbidden: User "${user}" cannot impersonate resource "`,
        );
      }
    }
  });

  test('the headers of an authenticating proxy make nobody somebody', async () => {
    const headers = { 'x-remote-user': 'admin', 'x-remote-group': 'system:masters' };
    expect((await fetchTls('/apis', { headers })).code).toBe(401);
    const path = '/api/v1/namespaces/default/secrets/key';
    expect((await fetchTls(path, { headers, bearer: token.get('view') })).code).toBe(403);
  });

  test('the socket takes no token: its bearer would be the admin, whatever the token allows', async () => {
    const authorization = `Bearer ${token.get('view')}`;
    expect(await api.ask('GET', '/apis', { headers: { authorization } })).toMatchObject({ code: 401 });
    expect((await api.ask('GET', '/healthz', { headers: { authorization } })).code).toBe(200);
  });

  test.each([undefined, 'ann', 'admin', 'agent:default/web'])(
    'a message that names %s as sender is from the user of the token',
    async (from) => {
      const path = '/apis/subresources.agentctl.dev/v1/namespaces/default/agents/web/messages';
      const sent = { text: 'hi', key: 'k', ...(from === undefined ? {} : { from }) };
      for (const body of [sent, { items: [sent] }]) {
        expect((await fetchTls(path, { bearer: token.get('edit'), body })).code).toBe(201);
        expect(script.sent.at(-1)).toMatchObject({ from: 'edit', key: 'k' });
      }
    },
  );

  test('a client that does not know the authority sends nothing', async () => {
    const other = await ensureCertificate(join(api.folder, 'other'), 'localhost', api.clock);
    await expect(as(token.get('admin'), other.ca).get('Agent', key('seen'))).rejects.toThrow(/cannot reach/);
  });

  test('a token is never sent without TLS', async () => {
    const client = createHttpClient({ url: 'http://127.0.0.1:1', token: 'secret' });
    await expect(client.get('Agent', key('seen'))).rejects.toThrow(/is not https/);
  });
});

describe('what is kept for it', () => {
  test('the files are for their owner alone', () => {
    for (const name of ['serving.json', 'tokens.json', 'admin.kubeconfig'])
      expect(statSync(join(folder(), name)).mode & 0o777).toBe(0o600);
  });

  test('they are made once', async () => {
    expect((await ensureCertificate(folder(), '127.0.0.1', api.clock)).ca).toBe(ca);
    expect((await ensureTokens(folder())).find(({ role }) => role === 'view')?.token).toBe(token.get('view'));
  });

  test('another host, or an end that is near, makes a new certificate', async () => {
    const clock = new ManualClock('2026-01-31T12:00:00Z');
    const folder = join(api.folder, 'renewed');
    const first = await ensureCertificate(folder, '127.0.0.1', clock);
    const named = await ensureCertificate(folder, 'agents.example.com', clock);
    expect(named.ca).not.toBe(first.ca);
    clock.advance(3630 * 86_400_000);
    expect((await ensureCertificate(folder, 'agents.example.com', clock)).ca).not.toBe(named.ca);
  });
});

test('a token is found whatever the case of its scheme', () => {
  const find = bearerTokens([{ name: 'a', role: 'edit', token: 't' }]);
  expect(find('bearer t')).toEqual({ name: 'a', role: 'edit' });
  expect(() => find('Basic t')).toThrow('Unauthorized');
});

async function readOut(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

async function fetchTls(
  path: string,
  {
    bearer,
    body,
    headers: more = {},
  }: { bearer?: string | undefined; body?: object; headers?: Record<string, string> } = {},
): Promise<{ code: number; text: string }> {
  const { request } = await import('node:https');
  const headers = {
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...more,
  };
  const method = body === undefined ? 'GET' : 'POST';
  return new Promise((resolve, reject) => {
    request(`${api.server.tls?.address}${path}`, { ca, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ code: response.statusCode ?? 0, text }));
    })
      .on('error', reject)
      .end(body === undefined ? undefined : JSON.stringify(body));
  });
}
