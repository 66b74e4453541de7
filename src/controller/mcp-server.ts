import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { ApiError } from '../api/errors.ts';
import type { Agent, Instance } from '../api/objects.ts';
import type { Fleet } from '../client/fleet.ts';
import { createMcpServer } from '../client/fleet-tools.ts';
import type { Asking, Tools, ToolsOffer } from '../conversations/ports.ts';
import type { Driver } from '../drivers/driver.ts';
import type { Clock } from '../platform/clock.ts';
import { type Log, limitedLog } from '../platform/log.ts';
import { access, foreignServer, ownServer } from '../platform/mcp-bridge.ts';
import { bodyOf, Calls, Connections, listen } from './mcp-http.ts';

const loopback = '127.0.0.1';

/** Limits on the HTTP requests of one instance. A tool call needs several. */
const requests = { atOnce: 64, rate: 50, burst: 500 };

interface Run {
  /** Uid of the Instance. */
  uid: string;
  run: number;
}

export interface McpDeps {
  key: Uint8Array;
  version: string;
  log: Log;
  clock: Clock;
  /** Returns an Instance and its Agent, or undefined if one of them is gone. */
  whose(uid: string): { instance: Instance; agent: Agent } | undefined;
  fleet(agent: Agent, instance: Asking): Fleet;
  /** Called when a run sent a request with its token. */
  seen(run: { uid: string; run: number }): void;
  /** Registers a handler for changes of any Instance or Agent. */
  onChange(handler: () => void): void;
  /** The last port on each host address, because open sessions of agents know it. `set` resolves when it is durable. */
  places: { get(host: string): Place | undefined; set(host: string, place: Place): Promise<void> };
}

/**
 * Tokens belong to one epoch. A new epoch begins when the port is lost, because the new owner of the port receives the
 * old tokens.
 */
interface Place {
  port: number;
  epoch: number;
}

/**
 * The Model Context Protocol (Streamable HTTP, without sessions) for instances. Each run has its own token, which
 * identifies it. When the run ends, the token becomes invalid and requests in progress are dropped. Listens on loopback
 * for processes, and for containers on the gateway of our own network. A server opens when the first instance needs it.
 */
export class McpServers implements Omit<Tools, 'fleet'> {
  readonly #deps: McpDeps;
  readonly #open = new Map<string, Promise<Server>>();
  /** By host address. */
  readonly #epochs = new Map<string, number>();
  readonly #answering = new Map<ServerResponse, Run>();

  readonly #log: Log;
  readonly #calls: Calls;
  readonly #connections = new Connections();

  constructor(deps: McpDeps) {
    this.#deps = deps;
    this.#log = limitedLog(deps.log, deps.clock);
    this.#calls = new Calls(deps.clock, requests);
    deps.onChange(() => {
      for (const [response, run] of this.#answering) if (this.#holder(run) === undefined) response.destroy();
    });
  }

  async offer({ uid, run }: Run, { spec }: Agent, driver: Driver): Promise<ToolsOffer> {
    const { mode = 'Bridge', name } = spec.template.network ?? {};
    const isDirect = driver.capabilities.hostAccess === 'Direct';
    const onHost = isDirect || mode === 'Host';
    if (!onHost && mode === 'None')
      return { unavailable: 'Its template.network.mode is None, so it cannot reach the controller.' };
    if (!onHost && name !== undefined)
      return {
        unavailable: `It is on the network ${name}; the tools are only offered on the network agentctl. Remove template.network.name.`,
      };
    const host = onHost ? loopback : await driver.hostAddress?.();
    if (host === undefined)
      return {
        unavailable:
          'Its Runtime is another machine, or has no network of agentctl, so it cannot reach the controller.',
      };
    try {
      const server = await this.#listen(host);
      const { port } = server.address() as AddressInfo; // it listens on TCP
      const url = `http://${host}:${port}/mcp`;
      const token = this.#token(host, { uid, run });
      const own = isDirect && spec.template.user === undefined;
      return { url, token, stdio: { ...(own ? ownServer() : foreignServer), env: access(url, token) } };
    } catch (error) {
      this.#deps.log.warn({ err: error, host }, 'the tools for agents cannot be offered');
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
    const opening = this.#start(host);
    opening.catch(() => this.#open.delete(host));
    this.#open.set(host, opening);
    return opening;
  }

  async #start(host: string): Promise<Server> {
    const { places, log } = this.#deps;
    const before = places.get(host);
    const known = this.#epochs.get(host) ?? before?.epoch ?? 0;
    this.#epochs.set(host, known);
    const answer = this.#answer(host);
    const server = await listen(host, before?.port ?? 0, this.#connections, answer).catch(
      (error: NodeJS.ErrnoException) => {
        // If the address is missing, for example because its network is not up yet, nobody else can have the port.
        if (before === undefined || error.code === 'EADDRNOTAVAIL') throw error;
        this.#epochs.set(host, known + 1);
        log.warn(
          { err: error, host, port: before.port },
          'the port of the tools for agents is lost; tokens of before are void, and sessions that are open have no tools until their next run',
        );
        return listen(host, 0, this.#connections, answer);
      },
    );
    const { port } = server.address() as AddressInfo; // it listens on TCP
    const epoch = this.#epochs.get(host) ?? known;
    if (port === before?.port && epoch === before.epoch) return server;
    try {
      await places.set(host, { port, epoch });
    } catch (error) {
      server.close();
      server.closeAllConnections();
      throw error;
    }
    return server;
  }

  #answer =
    (host: string) =>
    (request: IncomingMessage, response: ServerResponse): void => {
      this.#serve(host, request, response).catch((error: unknown) => {
        if (error instanceof ApiError && error.code === 'TooManyRequests') {
          response.writeHead(429, { 'retry-after': '1', connection: 'close' }).end(error.message);
          return;
        }
        this.#log.warn({ err: error }, 'a request for tools failed');
        if (!response.headersSent) response.writeHead(500).end();
      });
    };

  async #serve(host: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const run = this.#runOf(host, request.headers.authorization);
    const who = run === undefined ? undefined : this.#holder(run);
    this.#connections.mark(request.socket, who !== undefined);
    if (run === undefined || who === undefined) {
      response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
      return;
    }
    if (request.method !== 'POST') {
      response.writeHead(405, { allow: 'POST' }).end(); // without sessions, GET and DELETE do nothing
      return;
    }
    this.#deps.seen(run);
    const { agent, instance } = who;
    const { name, uid } = instance.metadata;
    this.#answering.set(response, run);
    response.on('close', () => this.#answering.delete(response));
    await this.#calls.run(uid, async () => {
      const body = await bodyOf(request);
      if (body === undefined) {
        response.writeHead(413, { connection: 'close' }).end();
        return;
      }
      if (response.destroyed) return;
      const fleet = this.#deps.fleet(agent, { name, uid, runtime: instance.spec.runtimeRef.name });
      const server = createMcpServer(fleet, {
        version: this.#deps.version,
        manage: agent.spec.fleetAccess === 'Manage',
      });
      const transport = new StreamableHTTPServerTransport();
      const closed = once(response, 'close');
      response.on('close', () => void Promise.all([transport.close(), server.close()]));
      // The SDK's types contradict each other under exactOptionalPropertyTypes.
      await server.connect(transport as Parameters<typeof server.connect>[0]);
      await transport.handleRequest(request, response, body.json);
      await closed;
    });
  }

  /** Returns the run that a token belongs to. The run may be over. */
  #runOf(host: string, authorization: string | undefined): Run | undefined {
    const [, token = '', uid = '', run = ''] =
      /^Bearer (([^.]+)\.(\d{1,15})\..+)$/.exec(authorization ?? '') ?? [];
    const [given, right] = [Buffer.from(token), Buffer.from(this.#token(host, { uid, run: Number(run) }))];
    return given.length === right.length && timingSafeEqual(given, right)
      ? { uid, run: Number(run) }
      : undefined;
  }

  /** Returns the Instance and the Agent of a run, if it is running and may use the tools. */
  #holder({ uid, run }: Run): { instance: Instance; agent: Agent } | undefined {
    const who = this.#deps.whose(uid);
    return who !== undefined && isAtWork(who, run) ? who : undefined;
  }

  /** Returns the token of a run. It stays the same across restarts of the controller, unless the port is lost. */
  #token(host: string, { uid, run }: Run): string {
    const mac = createHmac('sha256', this.#deps.key)
      .update(`mcp/${host}/${this.#epochs.get(host) ?? 0}/${uid}/${run}`)
      .digest('base64url');
    return `${uid}.${run}.${mac}`;
  }
}

/** Whether this run is running, will not be stopped permanently, and may use the tools. */
function isAtWork({ agent, instance }: { agent: Agent; instance: Instance }, run: number): boolean {
  const { status } = instance;
  const isEnding =
    agent.spec.suspend ||
    agent.metadata.deletionTimestamp !== undefined ||
    instance.metadata.deletionTimestamp !== undefined ||
    (status?.stop?.run === run && status.stop.then === 'Stay');
  return (
    agent.spec.fleetAccess !== 'None' &&
    status?.run?.number === run &&
    status.lastExit?.run !== run &&
    !isEnding
  );
}
