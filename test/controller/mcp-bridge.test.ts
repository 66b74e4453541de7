import { spawn, spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, dirname } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { access, foreignServer } from '../../src/controller/mcp-bridge.ts';
import { attachLimits } from '../../src/drivers/driver.ts';

let server: Server;
const heard: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => {
      body += part;
    });
    request.on('end', () => {
      heard.push(`${request.headers.authorization} ${body.trim()}`);
      const { id } = JSON.parse(body);
      if (id === undefined || id === 'bad') {
        response.writeHead(id === undefined ? 202 : 401).end();
        return;
      }
      const answer = JSON.stringify({ jsonrpc: '2.0', id, result: { text: 'é\n' } });
      response.writeHead(200, { 'content-type': id === 'json' ? 'application/json' : 'text/event-stream' });
      response.end(id === 'json' ? answer : `event: message\ndata: ${answer}\n\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => server.close());

/** Where a program really is: one may stand for another. */
const python = spawnSync('python3', ['-c', 'import sys; print(sys.executable)']).stdout.toString().trim();
const port = (): number => (server.address() as AddressInfo).port; // it listens on TCP

test.each([
  ['node', dirname(process.execPath)],
  ['python3', dirname(python)],
])(
  'a server over stdio passes on what it reads and writes what is answered, by %s',
  async (program, folder) => {
    if (spawnSync(program, ['--version']).status !== 0) return;
    // Node stands first where both are found.
    const path = program === 'node' ? [folder, '/usr/bin', '/bin'] : [folder];
    const child = spawn('/bin/sh', foreignServer.args, {
      env: { PATH: path.join(delimiter), ...access(`http://127.0.0.1:${port()}/mcp`, 'secret') },
    });
    let out = '';
    child.stdout.on('data', (part: Buffer) => {
      out += part;
    });
    const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
    const ask = (message: object) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
    ask({ id: 1, method: 'tools/list' });
    ask({ id: 'json', method: 'tools/list' });
    ask({ id: 'bad', method: 'tools/list' });
    ask({ method: 'notifications/initialized' });
    child.stdin.end();
    await ended;
    const answers = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers).toHaveLength(3);
    expect(answers).toContainEqual({ jsonrpc: '2.0', id: 1, result: { text: 'é\n' } });
    expect(answers).toContainEqual({ jsonrpc: '2.0', id: 'json', result: { text: 'é\n' } });
    expect(answers).toContainEqual({ jsonrpc: '2.0', id: 'bad', error: expect.anything() });
    expect(heard.some((line) => line.startsWith('Bearer secret') && line.includes('initialized'))).toBe(true);
  },
);

test('what starts a server over stdio leaves room for the rest of a session in what a pipe takes as a whole', () => {
  expect(Buffer.byteLength(JSON.stringify(foreignServer))).toBeLessThan(attachLimits.whole - 400);
});
