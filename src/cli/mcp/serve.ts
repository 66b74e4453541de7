import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { fleetOf } from '../../client/fleet.ts';
import { createMcpServer } from '../../client/mcp.ts';
import { version } from '../../daemon/version.ts';
import type { Cli } from '../cli.ts';
import { type GlobalOptions, namespaceOf } from '../options.ts';

export interface McpOptions extends GlobalOptions {
  manage?: boolean;
}

/** Until standard input ends, or it is told to end. */
export async function serveMcp(options: McpOptions, cli: Cli): Promise<void> {
  const client = await cli.connect(options, { start: true });
  const namespace = namespaceOf(options, cli.environment);
  const fleet = fleetOf({ resources: client, streams: client, namespace, user: cli.user() });
  const server = createMcpServer(fleet, { version, manage: options.manage === true });
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  cli.signal.addEventListener('abort', () => resolve(), { once: true });
  process.stdin.once('end', () => resolve());
  await server.connect(new StdioServerTransport());
  await ended;
  await server.close();
}
