import { get as httpGet, type IncomingMessage } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import type { ObjectKey } from '../../src/api/objects.ts';
import type { ControllerStatus, LogEntry, LogOptions, Streams } from '../../src/client/streams.ts';
import { type Running, run, until } from './support.ts';

let api: Running;
afterEach(() => api.end());

const key = { namespace: 'default', name: 'web-0' };

async function withInstance(streams: Partial<Streams>): Promise<void> {
  api = await run({ streams });
  await api.controller.create('Instance', {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Instance',
    metadata: key,
    spec: { agentName: 'web', agentUID: 'u', ordinal: 0, runtimeRef: { name: 'process' } },
  });
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const item of items) out.push(item);
  return out;
}

const signal = new AbortController().signal;

test('a log comes line by line, with what was asked for', async () => {
  let asked: [ObjectKey, LogOptions] | undefined;
  const lines: LogEntry[] = [
    { stream: 'stdout', at: 1, text: 'grüße\t"x"' },
    { stream: 'stderr', text: '' },
  ];
  await withInstance({
    async *log(instance, options) {
      asked = [instance, options];
      yield* lines;
    },
  });
  const options = { follow: true, tail: 5, since: Date.UTC(2026, 0, 1), previous: true, raw: true };
  expect(await collect(api.client.log(key, { ...options, signal }))).toEqual(lines);
  expect(asked).toMatchObject([key, options]);
});

test('the log of an unknown Instance is 404', async () => {
  await withInstance({});
  const unknown = collect(api.client.log({ namespace: 'default', name: 'nobody-0' }, { signal }));
  await expect(unknown).rejects.toMatchObject({ code: 'NotFound' });
});

test('a failure after the first line still reaches the client', async () => {
  await withInstance({
    async *log() {
      yield { stream: 'stdout', text: 'first' };
      throw new ApiError('ServiceUnavailable', 'the Runtime cannot be reached');
    },
  });
  const got: string[] = [];
  const read = async () => {
    for await (const { text } of api.client.log(key, { signal })) got.push(text);
  };
  await expect(read()).rejects.toMatchObject({
    code: 'ServiceUnavailable',
    message: 'the Runtime cannot be reached',
  });
  expect(got).toEqual(['first']);
});

test('a followed log ends when the client stops reading', async () => {
  let ended = false;
  await withInstance({
    async *log(_, options) {
      yield { stream: 'stdout', text: 'first' };
      await new Promise<void>((resolve) => options.signal.addEventListener('abort', () => resolve()));
      ended = true;
    },
  });
  for await (const entry of api.client.log(key, { follow: true, signal })) {
    expect(entry.text).toBe('first');
    break;
  }
  await until(() => ended);
});

test('a log waits for a client that reads slowly', async () => {
  let made = 0;
  await withInstance({
    async *log() {
      for (; made < 20_000; made++) yield { stream: 'stdout', text: 'x'.repeat(1000) };
    },
  });
  const path = '/apis/subresources.agentctl.dev/v1/namespaces/default/instances/web-0/log';
  const response = await new Promise<IncomingMessage>((resolve) => {
    httpGet({ socketPath: api.socket, path }, resolve);
  });
  let before = -1;
  await until(() => {
    const still = made > 0 && made === before; // no line more over a whole turn of the loop: it waits
    before = made;
    return still;
  });
  expect(made).toBeLessThan(10_000);
  response.resume();
  await until(() => response.readableEnded);
  expect(made).toBe(20_000);
});

test('status, forecast, plan, volumes and purge are handed through', async () => {
  const status: ControllerStatus = {
    pid: 1,
    version: '0.1.0',
    startedAt: 2,
    uptime: 3,
    store: { id: 'i', path: '/x', revision: 4 },
    runtimes: [],
    agents: { total: 1, ready: 0 },
    instances: { Pending: 1 },
  };
  const volumes = [{ runtime: 'docker', name: 'v' }];
  const seen: unknown[] = [];
  api = await run({
    streams: {
      status: async () => status,
      forecast: async (...given) => {
        seen.push(given);
        return [{ at: 5, what: 'Restart', message: 'm' }];
      },
      plan: async (objects) => {
        seen.push(objects);
        return [{ agent: { name: 'a' }, text: 't', actions: [] }];
      },
      volumes: async () => volumes,
      purge: async () => volumes,
      stopAgents: async () => {
        seen.push('stopped');
      },
    },
  });
  const agent = { namespace: 'default', name: 'a' };
  expect(await api.client.status()).toEqual(status);
  expect(await api.client.forecast(agent, { until: 1000 })).toEqual([
    { at: 5, what: 'Restart', message: 'm' },
  ]);
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' } } as const;
  expect(await api.client.plan([object])).toEqual([{ agent: { name: 'a' }, text: 't', actions: [] }]);
  expect(await api.client.volumes(agent)).toEqual(volumes);
  expect(await api.client.purge(agent)).toEqual(volumes);
  await api.client.stopAgents();
  expect(seen).toEqual([[agent, { until: 1000 }], [object], 'stopped']);
});
