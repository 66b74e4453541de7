import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHttpClient, type HttpClient } from '../../src/client/http.ts';
import { LocalClient } from '../../src/client/local.ts';
import type { Apis, Streams } from '../../src/client/streams.ts';
import { randomIds } from '../../src/platform/ids.ts';
import { silentLog } from '../../src/platform/log.ts';
import type { Exposition, Meters } from '../../src/platform/meters.ts';
import { createRegistry, type Registry } from '../../src/registry/registry.ts';
import { withVirtual } from '../../src/registry/virtual-registry.ts';
import { createServer, type Server } from '../../src/server/server.ts';
import { inPlace } from '../../src/sources/parsing/parser.ts';
import { openStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { ManualClock } from '../fakes/clock.ts';
import { ScriptedTalk } from '../fakes/talk.ts';

export interface Answer {
  code: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The text as JSON. */
  json: Record<string, never>;
}

export interface Running {
  client: HttpClient;
  /** Writes in process, as the controller does: what no request may. */
  controller: LocalClient;
  server: Server;
  registry: Registry;
  store: Store;
  /** One timer waits always: the server looks whether its socket is there. */
  clock: ManualClock;
  folder: string;
  socket: string;
  /** What the client was warned of. */
  warnings: string[];
  /** Over the unix socket. A body that is an object is sent as JSON. */
  ask(
    method: string,
    path: string,
    options?: { headers?: Record<string, string | string[]>; body?: object | string | Buffer },
  ): Promise<Answer>;
  end(): Promise<void>;
}

/** The real server over the real registry and a store of its own. */
export async function run(
  options: {
    streams?: Partial<Streams>;
    talk?: ScriptedTalk;
    listen?: string;
    meters?: Meters;
    exposition?: Exposition;
  } = {},
): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-server-'));
  const socket = join(folder, 'run', 'agentctl.sock');
  const clock = new ManualClock('2026-01-31T12:00:00Z');
  const store = openStore(join(folder, 'agentctl.db'), { log: silentLog });
  const stored = await createRegistry({ store, clock, ids: randomIds, log: silentLog });
  const { talk = new ScriptedTalk() } = options;
  const registry = withVirtual(stored, talk, clock);
  const server = await createServer({
    registry,
    apis: apisOf((options.streams ?? talk) as Streams), // a test that asks for more of them than it gives fails with that
    version: '0.1.0',
    clock,
    log: silentLog,
    meters: options.meters,
    exposition: options.exposition,
    parser: inPlace,
    socket,
    listen: options.listen,
    stateDir: folder,
  });
  const warnings: string[] = [];
  const client = createHttpClient(
    { socketPath: socket },
    { onWarning: (text) => warnings.push(text), clock },
  );
  return {
    client,
    controller: new LocalClient(registry, 'agentctl-controller'),
    server,
    registry,
    store,
    clock,
    folder,
    socket,
    warnings,
    ask: (method, path, how = {}) => ask(socket, method, path, how),
    async end() {
      client.close();
      await server.close(0);
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The same object for each concern. */
export const apisOf = (streams: Streams): Apis => ({
  messages: streams,
  logs: streams,
  plans: streams,
  volumes: streams,
  syncs: streams,
  controller: streams,
});

function ask(
  socketPath: string,
  method: string,
  path: string,
  { headers = {}, body }: { headers?: Record<string, string | string[]>; body?: object | string | Buffer },
): Promise<Answer> {
  const sent =
    body === undefined || typeof body === 'string' || body instanceof Buffer ? body : JSON.stringify(body);
  const type =
    sent === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(sent)) };
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { socketPath, method, path, headers: { ...type, ...headers } },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () => {
          resolve({
            code: response.statusCode ?? 0,
            headers: response.headers,
            text,
            get json() {
              return JSON.parse(text);
            },
          });
        });
      },
    );
    request.on('error', reject);
    request.end(sent);
  });
}

/** A smallest Agent. */
export const agent = (name: string, spec: object = {}) => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Agent',
  metadata: { name, namespace: 'default' },
  spec: { template: { command: ['sleep', '60'] }, ...spec },
});

export { until } from '../until.ts';
