import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createEngine, type Engine, EngineModem } from '../../../src/drivers/docker/engine.ts';
import { connect } from '../../../src/drivers/docker/engine-connection.ts';
import { createDockerDriver } from '../../../src/drivers/docker.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { runSpec } from '../../contracts/spec.ts';

describe('the engine client', () => {
  let folder: string;
  let server: Server | undefined;
  let engine: Engine | undefined;
  const on = { lost: vi.fn(), accepted: vi.fn() };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'agentctl-engine-'));
    vi.clearAllMocks();
  });

  afterEach(() => {
    engine?.close();
    server?.close();
    server?.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });

  const listen = async (answer: RequestListener): Promise<string> => {
    const path = join(folder, 'engine.sock');
    const made = createServer(answer);
    server = made;
    await new Promise<void>((resolve) => made.listen(path, resolve));
    return `unix://${path}`;
  };

  const open = async (answer: RequestListener): Promise<Engine> => {
    const endpoint = await listen(answer);
    engine = createEngine(connect(endpoint), endpoint, on);
    return engine;
  };

  test('keeps Secrets out of every URL', async () => {
    const secret = 's3cret-value';
    const urls: string[] = [];
    const bodies: string[] = [];
    const inspected = {
      Id: 'c1',
      State: { Status: 'running', StartedAt: '2026-01-01T00:00:00Z', FinishedAt: '0001-01-01T00:00:00Z' },
      Config: { Labels: { 'agentctl.dev/store': 's1' } },
    };
    const endpoint = await listen(async (request, response) => {
      const { method = '', url = '' } = request;
      urls.push(`${method} ${url}`);
      bodies.push(await text(request));
      if (url === '/version')
        response.end(JSON.stringify({ Version: '20.10.24', Components: [{ Name: 'docker-init' }] }));
      else if (url.startsWith('/containers/create')) response.writeHead(201).end('{"Id":"c1"}');
      else if (url === '/containers/c1/json') response.end(JSON.stringify(inspected));
      else response.writeHead(204).end();
    });
    const driver = createDockerDriver({
      endpoint,
      storeId: 's1',
      secretsDir: folder,
      log: silentLog,
      clock: systemClock,
    });
    await driver.create({
      ...runSpec('s1', 'a-0'),
      image: 'app:1',
      command: ['/app', secret],
      env: { TOKEN: secret },
    });
    await driver.close();
    expect(urls).toEqual([
      'GET /version',
      'POST /containers/create?name=agentctl-default-a-0',
      'HEAD /containers/c1/archive?path=%2Fapp',
      'POST /containers/c1/start',
      'GET /containers/c1/json',
    ]);
    expect(bodies[1]).toContain(`TOKEN=${secret}`);
  });

  test('takes an answer that is cut off in its middle as no answer', async () => {
    const { calls } = await open((request, response) => {
      response.writeHead(200, { 'Content-Length': 100 }).write('{');
      setImmediate(() => request.socket.destroy());
    });
    await expect(calls.getContainer('c1').inspect()).rejects.toMatchObject({ kind: 'Offline' });
    expect(on.lost).toHaveBeenCalled();
  });

  test.each(['<html>Bad Gateway</html>', '{"Id":"c1"', '7'])(
    'takes %s as no answer, not as an empty one',
    async (body) => {
      const { calls } = await open((_, response) => response.end(body));
      await expect(calls.listVolumes()).rejects.toMatchObject({ kind: 'Offline' });
      expect(on.lost).toHaveBeenCalled();
    },
  );

  test('gives up an answer that does not come in time', async () => {
    const endpoint = await listen(() => undefined);
    const { single: agent } = connect(endpoint);
    const modem = new EngineModem({ endpoint, agent, timeout: 20, lost: on.lost, accepted: undefined });
    const given = new Promise((resolve) => modem.dial({ method: 'GET', path: '/_ping' }, resolve));
    expect(await given).toMatchObject({
      kind: 'Offline',
      message: expect.stringContaining('did not answer for 0.02 s'),
    });
  });

  test('gives up a wait in the middle of its answer when it is told to', async () => {
    const late = new AbortController();
    const { calls } = await open((_, response) => {
      response.writeHead(200).flushHeaders();
      setImmediate(() => late.abort());
    });
    await expect(calls.getContainer('c1').wait({ abortSignal: late.signal })).rejects.toThrow();
    expect(on.lost).not.toHaveBeenCalled();
  });

  test.each([
    [500, '{"message":"no space left"}', 500, 'no space left'],
    [500, '{"cause":"x","message":"no such container"}', 404, 'no such container'],
    [502, 'bad gateway', 502, 'bad gateway'],
    [409, '', 409, 'status 409'],
  ])('tells a refusal with %i %s', async (status, body, known, message) => {
    const { calls } = await open((_, response) => response.writeHead(status).end(body));
    await expect(calls.getContainer('c1').start()).rejects.toMatchObject({ status: known, message });
    expect(on.lost).not.toHaveBeenCalled();
  });

  test('holds its connections open, except where it asks on a fresh one', async () => {
    let connections = 0;
    const { calls, fresh } = await open((_, response) => response.end('{"Created":"2026-01-01T00:00:00Z"}'));
    server?.on('connection', () => {
      connections += 1;
    });
    await calls.version();
    await calls.version();
    expect([connections, on.accepted.mock.calls.length]).toEqual([1, 0]);
    await fresh.getNetwork('bridge').inspect();
    await fresh.getNetwork('bridge').inspect();
    expect([connections, on.accepted.mock.calls.length]).toEqual([3, 2]);
  });
});
