import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { Fleet } from '../../client/fleet.ts';
import { createMcpServer } from '../../client/fleet-tools.ts';
import { version } from '../../daemon/own-program.ts';

/**
 * Serves until standard input ends or the signal aborts. This file is bundled separately, so it must not contain error
 * classes that others check with `instanceof`.
 */
export async function serveMcp(fleet: Fleet, manage: boolean, signal: AbortSignal): Promise<void> {
  const server = createMcpServer(fleet, { version, manage });
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  process.stdin.once('end', () => resolve());
  await server.connect(new StdioServerTransport());
  await ended;
  await server.close();
}
