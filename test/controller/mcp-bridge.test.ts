import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { bundleOptions } from '../../scripts/bundle/options.ts';
import { attachLimits } from '../../src/drivers/attachment.ts';
import { access, foreignServer } from '../../src/platform/mcp-bridge.ts';

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

/** The code as the build has it, which is not as it is written. */
async function bundled(): Promise<typeof foreignServer> {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-bridge-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, 'bridge.cjs');
  const entryPoints = [join(import.meta.dirname, '../../src/platform/mcp-bridge.ts')];
  await build({ ...bundleOptions, entryPoints, outfile });
  return createRequire(import.meta.url)(outfile).foreignServer;
}

test.each([
  ['node', dirname(process.execPath), async () => foreignServer],
  ['node, bundled', dirname(process.execPath), bundled],
  ['python3', dirname(python), async () => foreignServer],
])(
  'a server over stdio passes on what it reads and writes what is answered, by %s',
  async (what, folder, serverOf) => {
    const [program = ''] = what.split(',');
    const { args } = await serverOf();
    if (spawnSync(program, ['--version']).status !== 0) return;
    // Node stands first where both are found.
    const path = program === 'node' ? [folder, '/usr/bin', '/bin'] : [folder];
    const child = spawn('/bin/sh', args, {
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
