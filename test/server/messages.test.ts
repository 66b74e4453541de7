import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ScriptedTalk } from '../fakes/talk.ts';
import { type Running, run } from './support.ts';
import { at } from './talk.ts';

let api: Running;
let script: ScriptedTalk;
beforeEach(async () => {
  script = new ScriptedTalk();
  api = await run({ talk: script });
});
afterEach(() => api.end());

const send = (body: object | string) => api.ask('POST', at('agents/web/messages'), { body });
const mebibyte = 1024 * 1024;

describe('sending', () => {
  test('several messages, or one as it is, is answered by a list', async () => {
    const several = await send({ items: [{ text: 'a' }, { text: 'b', timeout: '1h30m' }] });
    expect(several).toMatchObject({
      code: 201,
      json: { kind: 'MessageList', apiVersion: 'subresources.agentctl.dev/v1' },
    });
    expect(several.json.items).toMatchObject([{ spec: { text: 'a' } }, { spec: { text: 'b' } }]);
    expect((await send({ text: 'c', conversation: 'x', key: 'k', from: 'ann' })).json.items).toHaveLength(1);
    expect(script.sent).toMatchObject([
      { text: 'a' },
      { text: 'b', timeout: 5_400_000 },
      { text: 'c', conversation: 'x', key: 'k', from: 'ann' },
    ]);
  });

  test('by the socket is from user, where nothing else is said', async () => {
    await send({ items: [{ text: 'a' }, { text: 'b', from: 'ann' }] });
    expect(script.sent.map(({ from }) => from)).toEqual(['user', 'ann']);
  });

  test.each([
    ['nothing to say', { text: '' }, /^text: expected the message text/],
    ['no text', {}, /^text: expected/],
    ['a text that is none', { items: [{ text: 'a' }, { text: 5 }] }, /^items\[1\]\.text: expected/],
    ['no message', { items: ['a'] }, /^items\[0\]: expected an object/],
    ['no list', { items: {} }, /^items: expected a list/],
    [
      'a misspelt field',
      { text: 'a', converstaion: 'c' },
      /unknown field "converstaion": did you mean conversation\?/,
    ],
    ['a field beside items', { items: [], text: 'a' }, /unknown field "text"/],
    ['an empty key', { text: 'a', key: '' }, /^key: expected a string of 1 to 253/],
    ['an endless conversation', { text: 'a', conversation: 'x'.repeat(254) }, /^conversation: expected/],
    ['a timeout without a unit', { text: 'a', timeout: 5 }, /^timeout: expected a duration/],
    ['a timeout of nothing', { text: 'a', timeout: '0s' }, /^timeout: expected/],
    ['a list', '[]', /must be an object/],
    ['no JSON', '{"text":', /is not JSON/],
  ])('%s is refused, and nothing is sent', async (_, body, message) => {
    const answer = await send(body);
    expect(answer).toMatchObject({ code: 400, json: { reason: 'BadRequest' } });
    expect(answer.json.message).toMatch(message);
    expect(script.sent).toEqual([]);
  });

  test('a text may have 4 MiB, and not a byte more', async () => {
    expect((await send({ text: 'ü'.repeat(2 * mebibyte) })).code).toBe(201);
    const long = await send({ text: `${'ü'.repeat(2 * mebibyte)}x` });
    expect(long).toMatchObject({ code: 413, json: { reason: 'RequestEntityTooLarge' } });
    expect(long.json.message).toMatch(
      /^text: found 4194305 bytes, expected at most 4194304: put the text in a/,
    );
  });

  test('a body above all bounds is 413 with its own bound, elsewhere with theirs', async () => {
    const body = 'x'.repeat(26 * mebibyte);
    const { code, json } = await send(body);
    expect([code, json.message]).toEqual([413, 'Request entity too large: limit is 25231360 bytes']);
    const other = await api.ask('POST', '/api/v1/namespaces/default/configmaps', { body });
    expect([other.code, other.json.message]).toEqual([
      413,
      'Request entity too large: limit is 3145728 bytes',
    ]);
  });
});

describe('a query', () => {
  const ask = (body: object) => api.ask('POST', at('agents/web/query'), { body });

  test('is answered with its result', async () => {
    const { code, json } = await ask({ action: 'status', params: { a: 1 }, timeoutSeconds: 0.5 });
    expect([code, json]).toEqual([
      200,
      { result: { agent: 'web', question: { action: 'status', params: { a: 1 }, timeout: 500 } } },
    ]);
  });

  test.each([
    {},
    { action: '' },
    { action: 'a', timeoutSeconds: 0 },
    { action: 'a', timeoutSeconds: '5' },
    { action: 'a', timeoutSeconds: 1e9 },
  ])('%j is refused', async (body) => {
    expect((await ask(body)).code).toBe(400);
  });
});

describe('an approval', () => {
  const decide = (what: string, body?: object) =>
    api.ask('POST', at(`approvals/a/${what}`), body === undefined ? {} : { body });

  test('is decided by user at the socket, or by who is named', async () => {
    script.approval('a');
    expect(await decide('approve')).toMatchObject({
      code: 200,
      json: { status: { state: 'Approved', by: 'user' } },
    });
    script.approval('a');
    expect((await decide('deny', { by: 'ann' })).json.status).toEqual({ state: 'Denied', by: 'ann' });
    expect((await decide('deny')).code).toBe(409);
  });

  test('is not decided by nobody', async () => {
    script.approval('a');
    for (const by of ['', 5, 'x'.repeat(254)]) expect((await decide('approve', { by })).code).toBe(400);
    for (const option of ['', 5, 'x'.repeat(513)])
      expect((await decide('approve', { option })).code).toBe(400);
    expect(script.decided).toEqual([]);
  });
});

describe('what is only read', () => {
  test.each([
    ['POST', 'messages', 'agentctl send'],
    ['DELETE', 'messages', 'agentctl send'],
    ['PUT', 'messages/m', 'agentctl messages retry and agentctl messages cancel'],
    ['PATCH', 'conversations/m', 'agentctl chat'],
    ['DELETE', 'approvals/m', 'agentctl approve and agentctl deny'],
  ])('%s %s is 405, and says what to do instead', async (method, path, hint) => {
    const { code, json } = await api.ask(method, at(path), { body: {} });
    expect([code, json.reason]).toEqual([405, 'MethodNotAllowed']);
    expect(json.message).toContain(hint);
  });

  test('is got as Table, as metadata and as YAML like any other', async () => {
    script.message('m');
    const as = (accept: string) => api.ask('GET', at('messages/m'), { headers: { accept } });
    expect((await as('application/json;as=Table;v=v1;g=meta.k8s.io')).json.kind).toBe('Table');
    expect(
      (await as('application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io')).json,
    ).not.toHaveProperty('spec');
    expect((await as('application/yaml')).text).toContain('kind: Message\n');
  });
});
