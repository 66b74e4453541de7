import { get as httpGet, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import { ScriptedTalk } from '../fakes/talk.ts';
import { type Running, run, until } from './support.ts';
import { at, stream } from './talk.ts';

let api: Running;
let script: ScriptedTalk;
beforeEach(async () => {
  script = new ScriptedTalk();
  api = await run({ talk: script });
  script.message('m');
});
afterEach(() => api.end());

test('it is server-sent events: an id for what happened, JSON in one line, the end last', async () => {
  script.tell('m', { type: 'text', text: 'a\r\nb\u2028' });
  script.state('m', 'Delivered');
  const end = script.finish('m', 'ab');
  const { response, text, ended } = await stream(api, 'm');
  await until(ended);
  expect(response.headers).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': /no-cache/,
  });
  const event = JSON.stringify({ seq: 1, at: 1769860800001, event: { type: 'text', text: 'a\r\nb\u2028' } });
  expect(text()).toBe(
    [
      `event: event\nid: 1\ndata: ${event}\n\n`,
      'event: state\ndata: {"state":"Delivered"}\n\n',
      `event: end\ndata: ${JSON.stringify(end)}\n\n`,
    ].join(''),
  );
});

test.each([
  ['after in the query', { query: '?after=1' }],
  ['the header of a browser that comes again', { headers: { 'Last-Event-ID': '1' } }],
  ['the query, where both say something', { query: '?after=1', headers: { 'Last-Event-ID': '0' } }],
])('it begins after the event that is named by %s', async (_, how) => {
  script.say('m', 'a');
  script.say('m', 'b');
  script.finish('m', 'ab');
  const { text, ended } = await stream(api, 'm', how);
  await until(ended);
  expect(text()).toMatch(/^event: event\nid: 2\n/);
});

test.each([
  [404, 'messages/nobody/stream', {}],
  [400, 'messages/m/stream?after=x', {}],
  [400, 'messages/m/stream?after=-1', {}],
  [400, 'messages/m/stream', { 'Last-Event-ID': '1e3' }],
])('%i for %s, before any event', async (code, path, headers) => {
  expect(await api.ask('GET', at(path), { headers })).toMatchObject({ code, json: { kind: 'Status', code } });
});

test('a failure in the middle is an event, and the last', async () => {
  script.say('m', 'a');
  script.fail('m', new ApiError('ServiceUnavailable', 'the journal is gone'));
  const { text, ended } = await stream(api, 'm');
  await until(ended);
  expect(text()).toMatch(
    /\n\nevent: error\ndata: \{"kind":"Status".*"message":"the journal is gone".*\}\n\n$/,
  );
});

test('a failure of the server itself tells nothing of its inside', async () => {
  script.fail('m', new Error('SQLITE_CORRUPT /root/secret'));
  const { text, ended } = await stream(api, 'm');
  await until(ended);
  expect(text()).toContain('"code":500');
  expect(text()).not.toContain('secret');
});

test('each 15 s without news a comment says that it is there', async () => {
  const { text } = await stream(api, 'm');
  await until(() => script.reading === 1);
  for (const times of [1, 2]) {
    api.clock.advance(14_999);
    api.clock.advance(1);
    await until(() => text() === ': still here\n\n'.repeat(times));
  }
});

test('nothing is left of it when the client goes away', async () => {
  const { response } = await stream(api, 'm');
  await until(() => script.reading === 1);
  response.destroy();
  await until(() => script.reading === 0 && api.clock.waiting === 1);
});

test('closing the server ends it without an end of the message', async () => {
  const { text, ended } = await stream(api, 'm');
  script.say('m', 'a');
  await until(() => text().includes('id: 1'));
  await api.server.close();
  await until(ended);
  expect(text()).not.toContain('event: end');
});

test('a client that reads slowly is waited for, and hinders no other', async () => {
  for (let n = 0; n < 200; n++) script.say('m', 'x'.repeat(100_000));
  const slow = await new Promise<IncomingMessage>((resolve) => {
    httpGet({ socketPath: api.socket, path: at('messages/m/stream') }, resolve);
  });
  script.message('other');
  script.finish('other', 'done');
  const other = await stream(api, 'other');
  await until(other.ended);
  for (let n = 0; n < 100; n++) api.clock.advance(15_000);
  expect(script.taken).toBeLessThan(100);
  let bytes = 0;
  slow.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  script.finish('m', 'done');
  await until(() => slow.readableEnded);
  expect(bytes).toBeGreaterThan(20_000_000);
});
