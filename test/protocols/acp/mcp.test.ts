import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { afterEach, expect, test } from 'vitest';
import { answer, ended, start } from './run.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers) server.close();
});

/** An MCP server with one tool, for whoever has the token. */
async function serve(token: string): Promise<string> {
  const server = createServer((request, response) => {
    if (request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401).end();
      return;
    }
    const mcp = new McpServer({ name: 'test', version: '1' });
    mcp.registerTool('greet', {}, () => ({ content: [{ type: 'text', text: 'hello from the tool' }] }));
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined } as never); // stateless; its types do not allow it
    void mcp.connect(transport as never).then(() => transport.handleRequest(request, response)); // the types of the SDK disagree under exactOptionalPropertyTypes
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test('the scripted agent calls a tool of the MCP server that its session was given', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'acp-'));
  const run = start(cwd, {}, { mcp: { url: await serve('secret'), token: 'secret' } });
  try {
    await run.turn('mcp greet {}');
    await ended(run.host, 'm1');
    expect(answer(run.host, 'm1')).toBe('hello from the tool');
  } finally {
    await run.kill();
    rmSync(cwd, { recursive: true });
  }
});
