import { get as httpGet, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { agent, type Running, run, until } from './support.ts';

const agents = '/apis/agentctl.dev/v1/namespaces/default/agents';

let api: Running;
const open: IncomingMessage[] = [];
beforeEach(async () => {
  api = await run();
});
afterEach(async () => {
  for (const response of open.splice(0)) response.destroy();
  await api.end();
});

interface Watched {
  events: { type: string; object: Record<string, never> }[];
  ended(): boolean;
  response: IncomingMessage;
}

/** Begins a watch; resolves with its headers, which come before any event. */
async function watch(query: string, headers = {}): Promise<Watched> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    httpGet({ socketPath: api.socket, path: `${agents}?watch=1&${query}`, headers }, resolve).on(
      'error',
      reject,
    );
  });
  open.push(response);
  const events: Watched['events'] = [];
  let ended = false;
  response.on('end', () => {
    ended = true;
  });
  createInterface(response).on('line', (line) => events.push(JSON.parse(line)));
  return { events, ended: () => ended, response };
}

test('first what is there, then what happens', async () => {
  await api.client.create('Agent', agent('there'));
  const { events } = await watch('');
  await until(() => events.length === 1);
  await api.client.create('Agent', agent('new'));
  await api.client.delete('Agent', { namespace: 'default', name: 'there' });
  await until(() => events.length === 3);
  expect(events.map(({ type, object }) => [type, object])).toMatchObject([
    ['ADDED', { metadata: { name: 'there' } }],
    ['ADDED', { metadata: { name: 'new' } }],
    ['DELETED', { metadata: { name: 'there' } }],
  ]);
});

test('from a resourceVersion on nothing of before is told', async () => {
  const { metadata } = await api.client.create('Agent', agent('before'));
  const { events } = await watch(`resourceVersion=${metadata.resourceVersion}`);
  await api.client.create('Agent', agent('after'));
  await until(() => events.length === 1);
  expect(events).toMatchObject([{ type: 'ADDED', object: { metadata: { name: 'after' } } }]);
});

test('a version that is no longer kept is an ERROR event 410, and the end', async () => {
  const { metadata } = await api.client.create('Agent', agent('old'));
  await api.client.create('Agent', agent('newer'));
  await api.client.create('Agent', agent('newest'));
  await api.store.compact(api.store.revision());
  const { events, ended } = await watch(`resourceVersion=${metadata.resourceVersion}`);
  await until(ended);
  expect(events).toMatchObject([{ type: 'ERROR', object: { kind: 'Status', reason: 'Expired', code: 410 } }]);
});

test('it ends after timeoutSeconds', async () => {
  const { ended } = await watch('timeoutSeconds=7');
  await until(() => api.clock.waiting > 1);
  api.clock.advance(6_999);
  expect(ended()).toBe(false);
  api.clock.advance(1);
  await until(ended);
});

test('a quiet watch tells by bookmarks how far it has come', async () => {
  const { events } = await watch('allowWatchBookmarks=true');
  await until(() => api.clock.waiting > 2);
  await api.client.create('ConfigMap', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } });
  api.clock.advance(60_000);
  await until(() => api.clock.waiting > 2);
  api.clock.advance(60_000);
  await until(() => events.some(({ type }) => type === 'BOOKMARK'));
  expect(events.at(-1)).toMatchObject({
    type: 'BOOKMARK',
    object: { kind: 'Agent', metadata: { resourceVersion: expect.any(String) } },
  });
});

test('one object is watched by its path', async () => {
  await api.client.create('Agent', agent('mine'));
  await api.client.create('Agent', agent('other'));
  const response = await new Promise<IncomingMessage>((resolve) => {
    httpGet({ socketPath: api.socket, path: `${agents}/mine?watch=true` }, resolve);
  });
  open.push(response);
  const lines: string[] = [];
  createInterface(response).on('line', (line) => lines.push(line));
  await api.client.delete('Agent', { namespace: 'default', name: 'other' });
  await api.client.delete('Agent', { namespace: 'default', name: 'mine' });
  await until(() => lines.length === 2);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ type: 'ADDED' }, { type: 'DELETED' }]);
});

test('as Tables: one row an event, with its columns', async () => {
  await api.client.create('Agent', agent('row'));
  const { events } = await watch('', { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
  await until(() => events.length === 1);
  expect(events[0]).toMatchObject({
    type: 'ADDED',
    object: {
      kind: 'Table',
      rows: [{ cells: expect.arrayContaining(['row']) }],
      columnDefinitions: expect.any(Array),
    },
  });
});

test('a client that goes away ends what was under way for it', async () => {
  const { response } = await watch('');
  await until(() => api.clock.waiting > 1);
  response.destroy();
  await until(() => api.clock.waiting === 1);
});

test('closing the server ends watches cleanly', async () => {
  const { ended } = await watch('');
  await api.server.close();
  await until(ended);
});
