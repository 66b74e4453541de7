import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import type { Agent, New } from '../../src/api/objects.ts';
import { createHttpClient, type HttpClient } from '../../src/client/http.ts';
import { runDaemon } from '../../src/daemon/daemon.ts';
import { type Metric, metrics } from '../../src/platform/metrics.ts';

// The daemon starts its collector with the command line that runs itself, which here is vitest's.
vi.mock('../../src/platform/own-command.ts', () => ({
  ownCommand: () => [process.execPath, join(import.meta.dirname, '../../src/cli/main.ts')],
}));

const root = join(import.meta.dirname, '../..');
const stateDir = mkdtempSync(join(tmpdir(), 'metrics-'));
const socketPath = join(stateDir, 'agentctl.sock');
const abort = new AbortController();
let ended: Promise<void>;
let address: string;
let client: HttpClient;

beforeAll(async () => {
  const { promise: ready, resolve } = Promise.withResolvers<string>();
  ended = runDaemon({
    stateDir,
    socket: socketPath,
    listen: '127.0.0.1:0',
    logLevel: 'silent',
    drain: true,
    environment: { XDG_RUNTIME_DIR: stateDir, PATH: process.env.PATH },
    signal: abort.signal,
    onReady: (where) => resolve(where.address ?? ''),
  });
  address = await Promise.race([ready, ended.then(() => '')]);
  client = createHttpClient({ socketPath });
});

afterAll(async () => {
  abort.abort();
  await ended;
  rmSync(stateDir, { recursive: true });
});

interface Answer {
  code: number | undefined;
  type: string | undefined;
  text: string;
}

const get = (options: RequestOptions): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const send = 'socketPath' in options ? httpRequest : httpsRequest;
    send(options, async (response) => {
      let text = '';
      for await (const piece of response.setEncoding('utf8')) text += piece;
      resolve({ code: response.statusCode, type: response.headers['content-type'], text });
    })
      .on('error', reject)
      .end();
  });

/** All samples by name, without the endings of histograms. */
async function scrape(): Promise<Map<string, string[]>> {
  const { text } = await get({ socketPath, path: '/metrics' });
  const samples = Map.groupBy(
    text.split('\n').filter((line) => line !== '' && !line.startsWith('#')),
    (line) => (/^\w+/.exec(line)?.[0] ?? '').replace(/_(bucket|sum|count)$/, ''),
  );
  return samples;
}

/** Scrapes until each of these texts is in a sample. */
async function scraped(...texts: string[]): Promise<Map<string, string[]>> {
  for (;;) {
    const samples = await scrape();
    const lines = [...samples.values()].flat();
    const missing = texts.filter((text) => !lines.some((line) => line.startsWith(text)));
    if (missing.length === 0) return samples;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function worker(name: string): New<Agent> {
  const spec = {
    protocol: 'jsonl' as const,
    runtimeRef: { name: 'process' },
    template: { command: [process.execPath, join(root, 'test/agents/jsonl.mjs')] },
    readiness: { exec: { command: ['true'] } },
    policy: { backoff: { schedule: ['0s'] } },
  };
  return { apiVersion: 'agentctl.dev/v1', kind: 'Agent', metadata: { name }, spec };
}

/** Counts failures of the controller, of which a session has none. */
const ofFailures = metrics.reconcileRetries.name;

test('every metric of the table has samples after a session, and there are no others', async () => {
  const key = { namespace: 'default', name: 'web' };
  const watched = client.watch('Agent', { signal: abort.signal })[Symbol.asyncIterator]();
  void watched.next();
  await client.create('Agent', worker('web'));
  await client.send(key, [{ text: 'hello' }]);
  await client.send(key, [{ text: 'crash\nhello' }]);
  const samples = await scraped(
    'agentctl_instance_restarts_total{namespace="default",agent="web"}',
    'agentctl_instance_exits_total{namespace="default",agent="web",cause="Agent"}',
    'agentctl_messages_ended_total{reason="Completed"} 2',
    'agentctl_message_deliveries_total{attempt="later"} 1',
    'agentctl_instances{phase="Ready"} 1',
    'agentctl_probes_total{probe="readiness",result="Ok"}',
    'agentctl_watch_clients{resource="agents"} 1',
  );
  const declared = Object.values<Metric>(metrics).map(({ name }) => name);
  const own = [...samples.keys()].filter((name) => !/^(process|nodejs)_/.test(name));
  expect([...own, ofFailures].toSorted()).toEqual(declared.toSorted());
  expect(samples.has('nodejs_eventloop_lag_p99_seconds')).toBe(true);
});

test('the series of an Agent are gone after it', async () => {
  await client.delete('Agent', { namespace: 'default', name: 'web' });
  for (;;) {
    const lines = [...(await scrape()).values()].flat();
    if (!lines.some((line) => line.includes('agent="web"'))) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

test('over TLS it needs a token, of any role', async () => {
  const { clusters, users } = parse(readFileSync(join(stateDir, 'server/view.kubeconfig'), 'utf8'));
  const ca = Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64');
  const { hostname, port } = new URL(address);
  const options = { hostname, port, ca, path: '/metrics' };
  expect(await get(options)).toMatchObject({ code: 401 });
  const headers = { authorization: `Bearer ${users[0].user.token}` };
  expect(await get({ ...options, headers })).toMatchObject({
    code: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
  });
});
