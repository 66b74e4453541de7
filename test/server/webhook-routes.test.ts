import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import { ensureCertificate } from '../../src/server/remote.ts';
import { type Answer, type Running, run, until } from './support.ts';

const body = '{"ref":"refs/heads/main"}';
const token = 'correct horse battery staple';

const hmac = (text: string, key: string | Buffer = token) => createHmac('sha256', key).update(text);
const signed = (text = body, key = token): Record<string, string> => ({
  'x-hub-signature-256': `sha256=${hmac(text, key).digest('hex')}`,
});

let api: Running;
beforeEach(async () => {
  api = await run({ listen: '127.0.0.1:0' });
  await secret('hook', { token });
  await secret('other', { token: 'another token' });
  await secret('empty', { token: '' });
  await secret('keyless', { password: token });
  await secret('from-a-file', { token: `${token}\n` });
  await sync('fleet', { webhook: { secretRef: { name: 'hook' } } });
});
afterEach(() => api.end());

const secret = (name: string, stringData: Record<string, string>, namespace = 'default') =>
  api.client.create('Secret', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    stringData,
  });

const sync = (name: string, git: object, spec: object = {}) =>
  api.client.create('Sync', {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Sync',
    metadata: { name },
    spec: { source: { git: { url: 'https://git.example.com/fleet.git', ...git } }, ...spec },
  });

const push = (
  headers: Record<string, string | string[]>,
  { name = 'default/fleet', text = body }: { name?: string; text?: string } = {},
): Promise<Answer> => api.ask('POST', `/webhooks/syncs/${name}`, { headers, body: text });

const stored = async (name = 'fleet') =>
  (await api.client.get('Sync', { namespace: 'default', name })).metadata;
const received = async (name = 'fleet') =>
  (await stored(name)).annotations?.['agentctl.dev/webhook-received'];

describe('a webhook that is signed', () => {
  test('is written to its Sync, with milliseconds and by its own manager', async () => {
    api.clock.advance(250);
    const { code, json } = await push(signed());
    expect(code).toBe(202);
    expect(json).toMatchObject({ kind: 'Status', status: 'Success' });
    const { annotations, managedFields, generation } = await stored();
    expect(annotations).toEqual({ 'agentctl.dev/webhook-received': '2026-01-31T12:00:00.250Z' });
    expect(managedFields?.map(({ manager }) => manager)).toContain('agentctl-webhook');
    expect(generation).toBe(1);
  });

  test.each<[string, () => Record<string, string>]>([
    ['GitHub', signed],
    ['Gitea', () => ({ 'x-gitea-signature': hmac(body).digest('hex'), 'x-gitea-event': 'push' })],
    ['GitLab', () => ({ 'x-gitlab-token': token })],
  ])('is taken from %s', async (_, headers) => {
    expect((await push(headers())).code).toBe(202);
    expect(await received()).toBeDefined();
  });

  test('is taken from GitLab with a signing token, for five minutes', async () => {
    const key = Buffer.alloc(32, 7);
    await secret('signing', { token: `whsec_${key.toString('base64')}` });
    await sync('signed', { webhook: { secretRef: { name: 'signing' } } });
    const at = String(api.clock.now() / 1000);
    const headers = {
      'webhook-id': 'f5e2',
      'webhook-timestamp': at,
      'webhook-signature': `v1,${hmac(`f5e2.${at}.${body}`, key).digest('base64')}`,
    };
    expect((await push(headers, { name: 'default/signed' })).code).toBe(202);
    api.clock.advance(5 * 60_000 + 1);
    expect((await push(headers, { name: 'default/signed' })).code).toBe(401);
  });

  test('needs no certain content type, and its body is not looked at', async () => {
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'application/json; charset=x']) {
      const answer = await push({ ...signed('\0{not json'), 'content-type': type }, { text: '\0{not json' });
      expect([type, answer.code]).toEqual([type, 202]);
    }
    expect((await api.ask('POST', '/webhooks/syncs/default/fleet', { headers: signed('') })).code).toBe(202);
  });

  test('may have the newline of a file at the end of its token', async () => {
    await sync('filed', { webhook: { secretRef: { name: 'from-a-file' } } });
    expect((await push(signed(), { name: 'default/filed' })).code).toBe(202);
  });

  test('of 25 MB passes, as GitHub sends it', async () => {
    const text = 'x'.repeat(25_000_000);
    expect((await push(signed(text), { text })).code).toBe(202);
  });

  test('for a suspended Sync is taken, and nothing is written', async () => {
    await sync('asleep', { webhook: { secretRef: { name: 'hook' } } }, { suspend: true });
    const before = await stored('asleep');
    expect((await push(signed(), { name: 'default/asleep' })).code).toBe(202);
    api.clock.advance(1_000);
    expect(await stored('asleep')).toEqual(before);
  });

  test('leaves other annotations as they are', async () => {
    await api.client.patch(
      'Sync',
      { namespace: 'default', name: 'fleet' },
      { type: 'merge', body: { metadata: { annotations: { mine: 'yes' } } } },
    );
    await push(signed());
    expect((await stored()).annotations).toMatchObject({ mine: 'yes' });
  });

  test('reaches the server over TLS without a bearer token', async () => {
    expect(await overTls('POST', '/webhooks/syncs/default/fleet', signed())).toBe(202);
    expect(await received()).toBeDefined();
  });
});

describe('refused, with one and the same answer', () => {
  test.each<[string, Record<string, string | string[]>, { name?: string; text?: string }]>([
    ['no signature', {}, {}],
    ['a wrong signature', { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` }, {}],
    [
      'one that is cut short',
      { 'x-hub-signature-256': `sha256=${hmac(body).digest('hex').slice(0, 40)}` },
      {},
    ],
    [
      'one by SHA-1',
      { 'x-hub-signature': `sha1=${createHmac('sha1', token).update(body).digest('hex')}` },
      {},
    ],
    ['a header twice', { 'x-hub-signature-256': Array(2).fill(signed()['x-hub-signature-256']) }, {}],
    ['a changed body', signed(), { text: `${body} ` }],
    ["another Sync's token", signed(body, 'another token'), {}],
    ["another Sync's token, as GitLab sends it", { 'x-gitlab-token': 'another token' }, {}],
    ['a bearer token', { authorization: `Bearer ${token}` }, {}],
    ['a Sync that does not exist', signed(), { name: 'default/nobody' }],
    ['a namespace that does not exist', signed(), { name: 'nowhere/fleet' }],
    ['names that none can have', signed(), { name: '..%2F..%2Fcore/secrets%2Fdefault%2Fhook' }],
    ['a Sync without a webhook', signed(), { name: 'default/plain' }],
    ['a Sync of a folder', signed(), { name: 'default/folder' }],
    ['a Sync whose Secret is missing', signed(), { name: 'default/no-secret' }],
    ['a Sync whose Secret is of another namespace', signed(), { name: 'default/elsewhere' }],
    ['a Secret without the key', signed(), { name: 'default/no-key' }],
    ['an empty token', signed(body, ''), { name: 'default/empty' }],
    ['an empty token, as GitLab sends it', { 'x-gitlab-token': '' }, { name: 'default/empty' }],
  ])('%s', async (_, headers, how) => {
    await sync('plain', {});
    await api.client.create('Sync', {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Sync',
      metadata: { name: 'folder' },
      spec: { source: { directory: { path: '/srv/fleet' } } },
    });
    await api.client.create('Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
    await secret('theirs', { token }, 'team');
    for (const [name, ref] of Object.entries({
      'no-secret': 'gone',
      elsewhere: 'theirs',
      'no-key': 'keyless',
      empty: 'empty',
    }))
      await sync(name, { webhook: { secretRef: { name: ref } } });
    const before = await api.client.list('Sync');
    const told = await push({ 'x-hub-signature-256': 'wrong' });
    const answer = await push(headers, how);
    expect(answer.code).toBe(401);
    expect(answer.text).toBe(told.text);
    expect(Object.keys(answer.headers)).toEqual(Object.keys(told.headers));
    expect(await api.client.list('Sync')).toEqual(before);
  });

  test('what is beside its path needs a bearer token', async () => {
    const codes = await Promise.all(
      [
        ['POST', '/webhooks/syncs/default'],
        ['POST', '/webhooks/syncs/default/fleet/more'],
        ['GET', '/webhooks/syncs/default/fleet'],
        ['POST', '/webhooks/syncs/../../apis/agentctl.dev/v1/namespaces/default/agents'],
        ['GET', '/apis?/webhooks/syncs/default/fleet'],
        ['POST', '/webhooks'],
      ].map(([method = '', path = '']) => overTls(method, path, signed())),
    );
    expect(codes).toEqual(codes.map(() => 401));
  });
});

describe('a body that is too large', () => {
  const path = '/webhooks/syncs/default/fleet';

  test('is refused before it is sent, where its length is told', async () => {
    const sending = open({ 'content-length': String(26 * 1024 * 1024) });
    sending.write('x');
    const { statusCode } = await answerOf(sending);
    expect(statusCode).toBe(413);
    await closed(sending);
  });

  test('is refused as soon as it is too large, where no length is told', async () => {
    const sending = open({ 'transfer-encoding': 'chunked' });
    const answered = answerOf(sending);
    sending.write(Buffer.alloc(25 * 1024 * 1024 + 1));
    expect((await answered).statusCode).toBe(413);
    await closed(sending);
  });

  test('that ends too soon changes nothing, and the server goes on', async () => {
    const sending = open({ 'content-length': '1000', ...signed() });
    sending.on('error', () => {});
    await new Promise((done) => sending.write(body, done));
    sending.destroy();
    expect((await push({})).code).toBe(401);
    expect(await received()).toBeUndefined();
  });

  const closed = async ({ socket }: ClientRequest): Promise<void> => {
    if (socket?.closed === false) await once(socket, 'close');
  };
  const open = (headers: Record<string, string>): ClientRequest =>
    request({ socketPath: api.socket, method: 'POST', path, headers });
});

describe('many within a second', () => {
  test('are two writes: the first, and the last of them when the second is over', async () => {
    for (let count = 0; count < 5; count++) {
      expect((await push(signed())).code).toBe(202);
      api.clock.advance(100);
    }
    expect(await received()).toBe('2026-01-31T12:00:00.000Z');
    api.clock.advance(499);
    expect(await received()).toBe('2026-01-31T12:00:00.000Z');
    api.clock.advance(1);
    await receives('2026-01-31T12:00:01.000Z');
    api.clock.advance(10_000);
    expect(await received()).toBe('2026-01-31T12:00:01.000Z');
  });

  test('are not written more often, however long it goes on', async () => {
    const seen = new Set<string | undefined>();
    for (let tenth = 0; tenth < 35; tenth++) {
      await push(signed());
      seen.add(await received());
      api.clock.advance(100);
    }
    await receives('2026-01-31T12:00:03.000Z');
    expect(seen.size).toBeLessThanOrEqual(4);
  });

  test('are one second for both listeners', async () => {
    await push(signed());
    await overTls('POST', '/webhooks/syncs/default/fleet', signed());
    const { resourceVersion } = await stored();
    api.clock.advance(999);
    expect((await stored()).resourceVersion).toBe(resourceVersion);
    api.clock.advance(1);
    await receives('2026-01-31T12:00:01.000Z');
  });

  test('do not hold up another Sync', async () => {
    await sync('second', { webhook: { secretRef: { name: 'hook' } } });
    await push(signed());
    await push(signed(), { name: 'default/second' });
    expect(await received('second')).toBe(await received('fleet'));
  });

  test('are written when the server closes', async () => {
    await push(signed());
    await push(signed());
    api.clock.advance(300);
    await api.server.close(0);
    const { metadata } = await api.registry.get('Sync', { namespace: 'default', name: 'fleet' });
    expect(metadata.annotations).toEqual({ 'agentctl.dev/webhook-received': '2026-01-31T12:00:00.300Z' });
  });

  test('are waited for when the server closes as they are being written', async () => {
    await push(signed());
    await push(signed());
    const { patch } = api.registry;
    const gate = Promise.withResolvers<void>();
    api.registry.patch = async (...given) => {
      await gate.promise;
      return patch(...given);
    };
    api.clock.advance(1_000);
    let closed = false;
    const closing = api.server.close(0).then(() => {
      closed = true;
    });
    await until(() => !existsSync(api.socket)); // it has stopped listening
    for (let turn = 0; turn < 100; turn++) await new Promise((done) => setImmediate(done));
    expect(closed).toBe(false);
    gate.resolve();
    await closing;
    expect(
      (await api.registry.get('Sync', { namespace: 'default', name: 'fleet' })).metadata.annotations,
    ).toEqual({
      'agentctl.dev/webhook-received': '2026-01-31T12:00:01.000Z',
    });
  });

  test('of a Sync that is deleted meanwhile do no harm', async () => {
    await push(signed());
    await push(signed());
    await api.client.delete('Sync', { namespace: 'default', name: 'fleet' });
    api.clock.advance(1_000);
    expect((await push(signed())).code).toBe(401);
  });

  const receives = async (time: string): Promise<void> => {
    let now: string | undefined;
    while (now !== time) now = await received(); // bounded by the test's own time
  };
});

test('a write that fails is told to the sender, who will send it again', async () => {
  api.registry.patch = async () => {
    throw new ApiError('Conflict', 'somebody else wrote it');
  };
  expect((await push(signed())).code).toBe(409);
});

async function answerOf(sending: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(sending, 'response')) as [IncomingMessage]; // what this event carries
  response.resume();
  return response;
}

async function overTls(method: string, path: string, headers: Record<string, string>): Promise<number> {
  const { ca } = await ensureCertificate(join(api.folder, 'server'), '127.0.0.1', api.clock);
  const { hostname: host, port } = new URL(api.server.tls?.address ?? '');
  const sending = tlsRequest({ host, port, ca, method, path, headers });
  sending.end(method === 'POST' ? body : undefined);
  const { statusCode = 0 } = await answerOf(sending);
  return statusCode;
}
