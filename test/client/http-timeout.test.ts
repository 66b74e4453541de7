import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UnreachableError } from '../../src/api/errors.ts';
import { createHttpClient } from '../../src/client/http.ts';

const key = { namespace: 'default', name: 'web' };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'agentctl-http-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test.each([
  ['no answer comes', ''],
  ['the answer never ends', '{"kind":'],
])('a request is aborted, and the server hears of it, where %s in time', async (_, begin) => {
  const socketPath = join(folder, 'socket');
  const server = createServer((_request, response) => {
    if (begin !== '') response.writeHead(200, { 'content-type': 'application/json' }).write(begin);
  }).listen(socketPath);
  await once(server, 'listening');
  const aborted = once(server, 'request').then(([, response]) => once(response, 'close'));
  const client = createHttpClient({ socketPath }, { timeout: 100 });
  const failure = client.get('Agent', key);
  await expect(failure).rejects.toThrow(UnreachableError);
  await expect(failure).rejects.toThrow('the controller did not answer within 0.1s (--request-timeout)');
  await aborted;
  client.close();
  server.close();
});
