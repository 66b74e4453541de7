import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Exposition } from '../../src/platform/meters.ts';
import { createMeters } from '../../src/platform/prometheus.ts';
import { agent, type Running, run } from './support.ts';

let api: Running;
let exposition: Exposition;

beforeEach(async () => {
  const made = createMeters();
  exposition = made.exposition;
  api = await run(made);
});
afterEach(() => api.end());

/** The requests that were counted, as `verb resource code`. A response is counted a moment after it was sent. */
async function counted(howMany: number): Promise<string[]> {
  const pattern = /^agentctl_http_requests_total\{verb="(\w*)",resource="(.*)",code="(\d*)"\} \d+$/gm;
  for (;;) {
    const found = [...(await exposition.text()).matchAll(pattern)].map((match) => match.slice(1).join(' '));
    if (found.length >= howMany) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('requests are counted by what they do, without the names of objects', async () => {
  await api.client.create('Agent', agent('a'));
  await api.client.get('Agent', { namespace: 'default', name: 'a' });
  await api.client.list('Agent', { namespace: 'default' });
  await api.client.list('Agent');
  await api.client.delete('Agent', { namespace: 'default', name: 'a' });
  await api.ask('GET', '/healthz');
  await api.ask('GET', '/apis/agentctl.dev/v1');
  expect(await counted(6)).toEqual([
    'create agents 201',
    'get agents 200',
    'list agents 200',
    'delete agents 200',
    'get /healthz 200',
    'get /apis/:group/v1 200',
  ]);
});

test('what a client makes up adds no series: all unknown paths are one', async () => {
  for (const path of ['/one', '/two', '/apis/agentctl.dev/v1/namespaces/default/nonsense'])
    expect((await api.ask('GET', path)).code).toBe(404);
  for (const name of ['one', 'two'])
    await api.ask('GET', `/apis/agentctl.dev/v1/namespaces/default/agents/${name}`);
  expect(await counted(2)).toEqual(['get unknown 404', 'get agents 404']);
});

test('a refused request counts too', async () => {
  await api.ask('GET', '/metrics', { headers: { authorization: 'Bearer nonsense' } });
  expect(await counted(1)).toEqual(['get /metrics 401']);
});

test('a watch is a client as long as it is open, and then a request without a duration', async () => {
  await api.client.create('Agent', agent('a'));
  const abort = new AbortController();
  const events = api.client.watch('Agent', { signal: abort.signal })[Symbol.asyncIterator]();
  await events.next();
  expect(await exposition.text()).toContain('agentctl_watch_clients{resource="agents"} 1');
  abort.abort();
  await events.return?.();
  expect(await counted(2)).toContain('watch agents 200');
  const text = await exposition.text();
  expect(text).not.toContain('agentctl_watch_clients{');
  expect(text).not.toContain('duration_seconds_count{verb="watch"');
});
