import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Agent, Instance } from '../api/objects.ts';
import type { Fleet } from '../client/fleet.ts';
import { createMcpServer } from '../client/mcp.ts';
import type { Driver } from '../drivers/driver.ts';
import type { Log } from '../platform/log.ts';

const loopback = '127.0.0.1';

/** An instance, and the Runtime that it runs on. */
export interface Asking {
  name: string;
  uid: string;
  runtime: string;
}

export interface McpParts {
  key: Uint8Array;
  version: string;
  log: Log;
  /** Who an instance is; undefined where it is gone. */
  whose(uid: string): { instance: Instance; agent: Agent } | undefined;
  fleet(agent: Agent, instance: Asking): Fleet;
  /** The port of the time before, which sessions of agents know. */
  port: { get(): number | undefined; set(port: number): void };
}

/** Where an instance finds the tools, or why it cannot. */
export type McpOffer = { url: string; token: string } | { unavailable: string };

/**
 * The Model Context Protocol (Streamable HTTP, without sessions) for instances: each has a token of its own, which says
 * who it is. Listens on loopback for processes, and for containers on the gateway of a network of our own; opened when
 * the first instance wants it.
 */
export class McpServers {
  readonly #parts: McpParts;
  readonly #open = new Map<string, Promise<Server>>();

  constructor(parts: McpParts) {
    this.#parts = parts;
  }

  async offer(
    { uid }: Pick<Asking, 'uid'>,
    { spec }: Agent,
    driver: Driver,
    kind: string,
  ): Promise<McpOffer> {
    const { mode = 'Bridge', name } = spec.template.network ?? {};
    const onHost = kind === 'process' || mode === 'Host';
    if (!onHost && mode === 'None')
      return { unavailable: 'Its template.network.mode is None, so it reaches nothing.' };
    if (!onHost && name !== undefined)
      return {
        unavailable: `It is on the network ${name}; the tools are offered on the network agentctl alone. Leave template.network.name out.`,
      };
    const host = onHost ? loopback : await driver.hostAddress();
    if (host === undefined)
      return {
        unavailable:
          'Its Runtime is another machine, or has no network of agentctl, so it cannot reach the controller.',
      };
    try {
      const server = await this.#listen(host);
      const { port } = server.address() as AddressInfo; // it listens on TCP
      return { url: `http://${host}:${port}/mcp`, token: this.#token(uid) };
    } catch (error) {
      this.#parts.log.warn({ err: error, host }, 'the tools for agents cannot be offered');
      return {
        unavailable: `The controller cannot listen on ${host}: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
  }

  async close(): Promise<void> {
    for (const opening of this.#open.values()) {
      const server = await opening.catch(() => undefined);
      server?.closeAllConnections();
      await new Promise<void>((resolve) =>
        server === undefined ? resolve() : server.close(() => resolve()),
      );
    }
  }

  #listen(host: string): Promise<Server> {
    const known = this.#open.get(host);
    if (known !== undefined) return known;
    const before = this.#parts.port.get();
    const opening = listen(host, before ?? 0, this.#answer)
      .catch((error: unknown) => {
        if (before === undefined) throw error;
        return listen(host, 0, this.#answer); // somebody else has it now
      })
      .then((server) => {
        const { port } = server.address() as AddressInfo; // it listens on TCP
        if (before === undefined) this.#parts.port.set(port);
        return server;
      });
    opening.catch(() => this.#open.delete(host));
    this.#open.set(host, opening);
    return opening;
  }

  readonly #answer = (request: IncomingMessage, response: ServerResponse): void => {
    this.#serve(request, response).catch((error: unknown) => {
      this.#parts.log.warn({ err: error }, 'a request for tools failed');
      if (!response.headersSent) response.writeHead(500).end();
    });
  };

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const who = this.#whose(request.headers.authorization);
    if (who === undefined || who.agent.spec.fleetAccess === 'None') {
      response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
      return;
    }
    if (request.method !== 'POST') {
      response.writeHead(405, { allow: 'POST' }).end(); // no session, so nothing to follow or to end
      return;
    }
    const { agent, instance } = who;
    const { name, uid } = instance.metadata;
    const fleet = this.#parts.fleet(agent, { name, uid, runtime: instance.spec.runtimeRef.name });
    const server = createMcpServer(fleet, {
      version: this.#parts.version,
      manage: agent.spec.fleetAccess === 'Manage',
    });
    const transport = new StreamableHTTPServerTransport();
    response.on('close', () => void Promise.all([transport.close(), server.close()]));
    // The SDK's own types disagree under exactOptionalPropertyTypes.
    await server.connect(transport as Parameters<typeof server.connect>[0]);
    await transport.handleRequest(request, response);
  }

  #whose(authorization: string | undefined) {
    const [, token = ''] = /^Bearer (.+)$/.exec(authorization ?? '') ?? [];
    const uid = token.split('.')[0] ?? '';
    const [given, right] = [Buffer.from(token), Buffer.from(this.#token(uid))];
    return given.length === right.length && timingSafeEqual(given, right)
      ? this.#parts.whose(uid)
      : undefined;
  }

  /** Needs no memory: the same after a restart of the controller. */
  #token(uid: string): string {
    return `${uid}.${createHmac('sha256', this.#parts.key).update(`mcp/${uid}`).digest('base64url')}`;
  }
}

function listen(
  host: string,
  port: number,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
) {
  return new Promise<Server>((resolve, reject) => {
    const server = createServer(answer);
    server.once('error', reject);
    server.listen({ host, port }, () => resolve(server));
    server.unref();
  });
}
