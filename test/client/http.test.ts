import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiError, UnreachableError } from '../../src/api/errors.ts';
import { createHttpClient, type HttpClient } from '../../src/client/http.ts';

let folder: string;
let server: Server | undefined;
let client: HttpClient;
let warnings: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'agentctl-client-'));
  warnings = [];
  client = createHttpClient({ socketPath: join(folder, 's') }, { onWarning: (text) => warnings.push(text) });
});
afterEach(() => {
  client.close();
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

/** A server that says what a test lets it say: what the real one says is tested with the real one. */
async function serve(listener: RequestListener): Promise<void> {
  server = createServer(listener).listen(join(folder, 's'));
  await once(server, 'listening');
}

const key = { namespace: 'default', name: 'a' };
const signal = new AbortController().signal;

describe('out of reach', () => {
  test('no socket', async () => {
    await expect(client.get('Agent', key)).rejects.toThrow(UnreachableError);
    await expect(client.get('Agent', key)).rejects.toThrow(/no controller is running there/);
  });

  test('a connection that is cut in the middle of an answer', async () => {
    await serve((_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"kind":');
      setImmediate(() => response.destroy());
    });
    await expect(client.get('Agent', key)).rejects.toThrow(UnreachableError);
  });

  test('an answer that is no JSON', async () => {
    await serve((_, response) => response.end('<html>'));
    await expect(client.get('Agent', key)).rejects.toThrow(/did not answer with JSON/);
  });

  test('a watch whose connection is cut', async () => {
    await serve((_, response) => {
      response.write('{"type":"ADDED"');
      setImmediate(() => response.destroy());
    });
    await expect(collect(client.watch('Agent', { signal }), 1)).rejects.toThrow(UnreachableError);
  });
});

describe('failures', () => {
  test('a Status is an ApiError with its reason, message and details', async () => {
    const status = new ApiError('AlreadyExists', 'it is there', { details: { name: 'a', kind: 'agents' } });
    await serve((_, response) => response.writeHead(409).end(JSON.stringify(status.toStatus())));
    const error = await client.get('Agent', key).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: 'AlreadyExists', message: 'it is there', details: { name: 'a' } });
  });

  test.each([
    [410, { kind: 'Status', reason: 'Gone', message: 'too old' }, 'Expired', 'too old'],
    [503, 'not now', 'ServiceUnavailable', 'not now'],
    [502, '', 'InternalError', 'HTTP 502'],
  ])('%i by its code where the reason is not known', async (code, body, reason, message) => {
    await serve((_, response) =>
      response.writeHead(code).end(typeof body === 'string' ? body : JSON.stringify(body)),
    );
    await expect(client.get('Agent', key)).rejects.toMatchObject({ code: reason, message });
  });
});

test('a server that refuses since it is ending is out of reach, as it is a moment later', async () => {
  const refusal = { statusCode: 503, error: 'Service Unavailable', message: 'Service Unavailable' };
  await serve((_, response) => response.writeHead(503).end(JSON.stringify(refusal)));
  await expect(client.get('Agent', key)).rejects.toThrow(UnreachableError);
});

test('warnings are handed on, quotes and commas and all', async () => {
  await serve((_, response) => {
    response.setHeader('warning', ['299 - "unknown field \\"spec.x\\", ignored"', '299 - "second"']);
    response.end('{}');
  });
  await client.get('Agent', key);
  expect(warnings).toEqual(['unknown field "spec.x", ignored', 'second']);
});

test('names and queries are escaped', async () => {
  const paths: (string | undefined)[] = [];
  await serve((request, response) => {
    paths.push(request.url);
    response.end('{"items":[]}');
  });
  await client.get('Agent', { namespace: 'a/b', name: 'c?d' });
  await client.get('Runtime', { name: 'docker' });
  await client.list('Agent', { labelSelector: 'app in (a,b)', limit: 5 });
  await client.list('Secret', { namespace: 'x', resourceVersion: '7' });
  expect(paths).toEqual([
    '/apis/agentctl.dev/v1/namespaces/a%2Fb/agents/c%3Fd',
    '/apis/agentctl.dev/v1/runtimes/docker',
    '/apis/agentctl.dev/v1/agents?labelSelector=app%20in%20(a%2Cb)&limit=5',
    '/api/v1/namespaces/x/secrets?resourceVersion=7&resourceVersionMatch=Exact',
  ]);
});

test('one connection serves one call after the other', async () => {
  let connections = 0;
  await serve((_, response) => response.end('{}'));
  server?.on('connection', () => {
    connections += 1;
  });
  for (let n = 0; n < 5; n++) await client.get('Agent', key);
  expect(connections).toBe(1);
});

describe('a connection that the server closed while it was idle', () => {
  /** Answers the first request of a connection, and cuts it at the second. */
  async function serveOnce(): Promise<string[]> {
    const methods: string[] = [];
    const used = new WeakSet<object>();
    await serve((request, response) => {
      methods.push(request.method ?? '');
      if (used.has(request.socket)) return void request.socket.destroy();
      used.add(request.socket);
      response.end('{}');
    });
    return methods;
  }

  test('is no hindrance to a read: it is sent again', async () => {
    const methods = await serveOnce();
    await client.get('Agent', key);
    await client.get('Agent', key);
    expect(methods).toEqual(['GET', 'GET', 'GET']);
  });

  test('fails a write, which may have been carried out', async () => {
    const methods = await serveOnce();
    await client.get('Agent', key);
    await expect(client.delete('Agent', key)).rejects.toThrow(/the connection was lost/);
    expect(methods).toEqual(['GET', 'DELETE']);
  });
});

describe('a watch', () => {
  const event = (version: string, text: string): string =>
    `${JSON.stringify({ type: 'ADDED', object: { metadata: { name: text, resourceVersion: version } } })}\n`;

  test('reads events however chunks cut lines and characters', async () => {
    const bytes = Buffer.from(event('1', 'größe-🦊') + event('2', 'ß'));
    await serve(async (_, response) => {
      for (const byte of bytes) {
        response.write(Buffer.from([byte]));
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    const events = await collect(client.watch('Agent', { signal }), 2);
    expect(events).toMatchObject([
      { object: { metadata: { name: 'größe-🦊' } } },
      { object: { metadata: { name: 'ß' } } },
    ]);
  });

  test('goes on from the newest version that it saw when the server ends it', async () => {
    const asked: string[] = [];
    await serve((request, response) => {
      asked.push(new URL(request.url ?? '', 'http://x').searchParams.get('resourceVersion') ?? '');
      if (asked.length === 1) response.end(event('7', 'b') + event('5', 'c'));
      else response.write(event('8', 'd'));
    });
    await collect(client.watch('Agent', { signal }), 3);
    expect(asked).toEqual(['', '7']);
  });

  test('goes on from the last bookmark, and shows it only to those who ask', async () => {
    const asked: string[] = [];
    const bookmark = { type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } };
    await serve((request, response) => {
      const { searchParams } = new URL(request.url ?? '', 'http://x');
      asked.push(`${searchParams.get('allowWatchBookmarks')} ${searchParams.get('resourceVersion')}`);
      if (asked.length === 1) response.end(`${event('7', 'b')}${JSON.stringify(bookmark)}\n`);
      else response.write(event('10', 'd'));
    });
    const events = await collect(client.watch('Agent', { signal, resourceVersion: '5' }), 2);
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'ADDED']);
    expect(asked).toEqual(['true 5', 'true 9']);
  });

  test('an ERROR event is thrown', async () => {
    const status = new ApiError('Expired', 'too old').toStatus();
    await serve((_, response) => response.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`));
    await expect(collect(client.watch('Agent', { signal }), 1)).rejects.toMatchObject({ code: 'Expired' });
  });

  test('ends without an error when the signal aborts', async () => {
    const controller = new AbortController();
    await serve((_, response) => {
      response.write(event('1', 'a'));
    });
    const seen: unknown[] = [];
    for await (const one of client.watch('Agent', { signal: controller.signal })) {
      seen.push(one);
      controller.abort();
    }
    expect(seen).toHaveLength(1);
  });
});

async function collect<T>(items: AsyncIterable<T>, count: number): Promise<T[]> {
  const out: T[] = [];
  for await (const item of items) {
    out.push(item);
    if (out.length === count) break;
  }
  return out;
}
