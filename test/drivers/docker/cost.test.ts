/** What a driver asks its engine for, counted at an engine that answers everything. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createDockerDriver } from '../../../src/drivers/docker.ts';
import { type Driver, labels } from '../../../src/drivers/driver.ts';
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
const version = { Version: '20.10.24', Components: [{ Name: 'docker-init' }] };

let folder: string;
let server: Server;
let driver: Driver;
let asked: string[];
let events: ServerResponse | undefined;

const happens = (action: string, id = 'c1'): void =>
  void events?.write(`${JSON.stringify({ Type: 'container', Action: action, Actor: { ID: id } })}\n`);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'agentctl-engine-'));
  asked = [];
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

const spec = { ...runSpec('s1', 'a-0'), image: 'app:1', command: ['/app'] };

test('a start takes a create, a start and an inspect, a removal one call, and neither is a hint', async () => {
  const hints: (string | undefined)[] = [];
  const reading = new AbortController();
  const watching = driver.watch((ref) => hints.push(ref), reading.signal);
  await vi.waitFor(() => expect(hints).toEqual([undefined]));
  await driver.create(spec);
  expect(asked.splice(0)).toEqual([
    'GET /version',
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
  await vi.waitFor(() => expect(hints.slice(-3)).toEqual(['c2', 'c2', 'c2']));
  expect(hints.filter((ref) => ref === 'c1')).toEqual([]);
  reading.abort();
  await watching;
});

test('the volumes of many agents are looked up together', async () => {
  await Promise.all(Array.from({ length: 50 }, (_, n) => driver.volumes('default', `a${n}`)));
  expect(asked.length).toBeLessThanOrEqual(2);
});
