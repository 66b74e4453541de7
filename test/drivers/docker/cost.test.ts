/** What a driver asks its engine for, counted at an engine that answers everything. */

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { labels } from '../../../src/api/annotations.ts';
import { createDockerDriver, type DockerDriver } from '../../../src/drivers/docker.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { runSpec } from '../../contracts/spec.ts';

const inspected = {
  Id: 'c1',
  Image: 'i1',
  State: {
    Status: 'running',
    Running: true,
    StartedAt: '2026-01-01T00:00:00Z',
    FinishedAt: '0001-01-01T00:00:00Z',
  },
  Config: { Labels: { [labels.store]: 's1', [labels.uid]: 'u1' } },
};
const docker = { Version: '20.10.24', Components: [{ Name: 'docker-init' }] };
const podman = { Version: '5.4.0', Components: [{ Name: 'Podman Engine' }] };
const diedAt = Date.parse('2026-01-01T00:01:00Z');

let folder: string;
let server: Server;
let driver: DockerDriver;
let asked: string[];
let version: object;
let events: ServerResponse | undefined;

const happens = (action: string, id = 'c1', told: object = {}): void => {
  const event = { Type: 'container', Action: action, Actor: { ID: id, Attributes: told } };
  events?.write(`${JSON.stringify({ ...event, timeNano: diedAt * 1e6 })}\n`);
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'agentctl-engine-'));
  asked = [];
  version = docker;
  server = createServer((request, response) => {
    const { method = '', url = '' } = request;
    request.resume();
    if (url.startsWith('/events')) {
      events = response;
      response.writeHead(200).flushHeaders();
      return;
    }
    asked.push(`${method} ${url.replace(/\?.*/, '')}`);
    if (url === '/version') response.end(JSON.stringify(version));
    else if (url.startsWith('/containers/create')) {
      happens('create');
      response.writeHead(201).end('{"Id":"c1"}');
    } else if (url === '/containers/c1/json') response.end(JSON.stringify(inspected));
    else if (url === '/volumes') response.end('{"Volumes":[]}');
    else {
      if (url.endsWith('/start')) happens('start');
      if (method === 'DELETE') happens('destroy');
      response.writeHead(204).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(join(folder, 'engine.sock'), resolve));
  driver = createDockerDriver({
    endpoint: `unix://${join(folder, 'engine.sock')}`,
    storeId: 's1',
    secretsDir: folder,
    log: silentLog,
    clock: systemClock,
  });
});

afterEach(async () => {
  await driver.close();
  server.close();
  server.closeAllConnections();
  events = undefined;
  rmSync(folder, { recursive: true, force: true });
});

interface Watch extends AsyncDisposable {
  hints: Parameters<Parameters<DockerDriver['watch']>[0]>[];
}

/** Its hints, without the first, which says that it stands. */
async function watched(): Promise<Watch> {
  const hints: Watch['hints'] = [];
  const reading = new AbortController();
  const watching = driver.watch((...hint) => hints.push(hint), reading.signal);
  await vi.waitFor(() => expect(hints).toEqual([[undefined]]));
  asked.length = 0;
  hints.length = 0;
  return {
    hints,
    async [Symbol.asyncDispose]() {
      reading.abort();
      await watching;
    },
  };
}

const spec = { ...runSpec('s1', 'a-0'), image: 'app:1', command: ['/app'] };

test('a start takes a create, a start and an inspect, a removal one call, and neither is a hint', async () => {
  await using watch = await watched();
  const { hints } = watch;
  await driver.create(spec);
  expect(asked.splice(0)).toEqual([
    'POST /containers/create',
    'HEAD /containers/c1/archive',
    'POST /containers/c1/start',
    'GET /containers/c1/json',
  ]);
  await driver.create(spec);
  expect(asked.splice(0), 'the command is known').toHaveLength(3);
  await driver.remove('c1', { volumes: false });
  expect(asked).toEqual(['DELETE /containers/c1']);
  // What others do is told.
  for (const action of ['start', 'die', 'destroy']) happens(action, 'c2');
  await vi.waitFor(() => expect(hints.map(([ref]) => ref)).toEqual(['c2', 'c2', 'c2']));
});

test('a stop takes one call, and its end is told by its event', async () => {
  await using watch = await watched();
  await driver.create(spec);
  asked.length = 0;
  await driver.signal('c1', 'SIGTERM');
  happens('die', 'c1', { exitCode: '143' });
  await vi.waitFor(() => expect(watch.hints).toHaveLength(1));
  const exit = { code: 143, finishedAt: diedAt, cause: 'Agent' };
  expect(watch.hints).toEqual([['c1', expect.objectContaining({ ref: 'c1', state: 'Exited', exit })]]);
  expect(asked).toEqual(['POST /containers/c1/kill']);
});

test.each([
  ['nobody stops it', docker, false, ['die']],
  ['its memory had run out', docker, true, ['oom', 'die']],
  ['it had been started again', docker, true, ['start', 'die']],
  ['the engine is Podman', podman, true, ['died']],
] as const)('the end of a run is looked at where %s', async (_, engine, isStopped, actions) => {
  version = engine;
  await using watch = await watched();
  await driver.create(spec);
  if (isStopped) await driver.signal('c1', 'SIGTERM');
  for (const action of actions) happens(action, 'c1', { exitCode: '137' });
  await vi.waitFor(() => expect(watch.hints).toHaveLength(actions.length));
  expect(watch.hints).toEqual(actions.map(() => ['c1', undefined]));
});

test('a command is looked for once, though many start at the same time', async () => {
  await Promise.all(Array.from({ length: 5 }, () => driver.create(spec)));
  expect(asked.filter((call) => call.startsWith('HEAD'))).toHaveLength(1);
});

test('the volumes of many agents are looked up together', async () => {
  await Promise.all(Array.from({ length: 50 }, (_, n) => driver.volumes.list('default', `a${n}`)));
  expect(asked.length).toBeLessThanOrEqual(2);
});
