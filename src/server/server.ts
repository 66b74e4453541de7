import type { FastifyInstance } from 'fastify';
import type { Listener } from '../client/streams.ts';
import { type Meters, noMeters } from '../platform/meters.ts';
import { socketUser } from './access.ts';
import { createApp } from './app.ts';
import { KeptSocket } from './kept-socket.ts';
import type { ServerDeps } from './kind-request.ts';
import { countStreams, OpenStreams } from './open-streams.ts';
import { Pushes } from './pushes.ts';
import { serveRemotely } from './remote.ts';

export interface ServerOptions extends Omit<ServerDeps, 'meters' | 'open' | 'pushes'> {
  meters?: Meters | undefined;
  /** The path of the unix socket, which has mode 0600. */
  socket: string;
  /** `host:port` for an additional TCP listener, always with TLS and bearer tokens. Port 0 is any free port. */
  listen?: string | undefined;
  /** Its folder `server` has what TCP needs: certificate, tokens, and a kubeconfig for each role. */
  stateDir: string;
}

export interface Server {
  /** The TCP listener, if there is one. */
  tls?: Listener;
  /** Ends watches, waits for other requests, and after `bound` milliseconds (default 5 s) cuts the rest. */
  close(bound?: number): Promise<void>;
}

/**
 * Resolves once it serves. Throws SocketError if the socket cannot be created, AddressError if it cannot listen on
 * `listen`.
 */
export async function createServer(options: ServerOptions): Promise<Server> {
  const { meters = noMeters } = options;
  const open = new OpenStreams();
  meters.watchClients.read(() =>
    Array.from(countStreams(open), ([resource, count]) => [{ resource }, count]),
  );
  const deps: ServerDeps = { ...options, meters, open, pushes: new Pushes(options) };
  const apps: FastifyInstance[] = [];
  let socket: KeptSocket | undefined;
  const close = async (bound = 5_000): Promise<void> => {
    socket?.close();
    await closeAll(apps, deps, bound);
  };
  try {
    const local = await createApp(deps, socketUser);
    apps.push(local);
    const { clock, log } = options;
    socket = new KeptSocket({ path: options.socket, server: local.server, clock, log });
    await socket.open();
    if (options.listen === undefined) return { close };
    const { app, tls } = await serveRemotely(deps, options.listen, options.stateDir);
    apps.push(app);
    return { tls, close };
  } catch (error) {
    await close(0);
    throw error;
  }
}

async function closeAll(
  apps: readonly FastifyInstance[],
  { clock, open, pushes }: ServerDeps,
  bound: number,
): Promise<void> {
  const cancel = clock.after(bound, () => {
    for (const app of apps) app.server.closeAllConnections();
  });
  const closed = apps.map((app) => app.close());
  open.end();
  await Promise.all(closed);
  cancel();
  await pushes.close();
}
