import { once } from 'node:events';
import type { FastifyInstance } from 'fastify';
import { bearerTokens, socketUser, type Token } from './access.ts';
import { createApp } from './app.ts';
import { OpenStreams } from './lines.ts';
import type { Parts } from './parts.ts';
import { prepareSocket } from './socket.ts';

export interface Listen {
  socketPath: string;
  /** Off unless asked for; always TLS, always with tokens. Port 0 takes any free one. */
  tcp?: {
    host: string;
    port: number;
    /** PEM. */
    cert: string;
    key: string;
    tokens: readonly Token[];
  };
}

export interface Server {
  /** Of the TCP listener. */
  url?: string;
  /** Ends watches, lets other requests come to their end, and cuts what is left after `bound` milliseconds. */
  close(bound?: number): Promise<void>;
}

/** Serves until it is closed. SocketError where the socket cannot be had. */
export async function startServer(parts: Parts, listen: Listen): Promise<Server> {
  const streams = new OpenStreams();
  const apps: FastifyInstance[] = [];
  const close = (bound: number): Promise<void> => closeAll(apps, streams, parts, bound);

  try {
    await prepareSocket(listen.socketPath);
    const local = await createApp(parts, streams, socketUser);
    apps.push(local);
    await listenPrivately(local, listen.socketPath);
    if (listen.tcp === undefined) return { close: (bound = 5_000) => close(bound) };
    const { host, port, cert, key, tokens } = listen.tcp;
    const remote = await createApp(parts, streams, bearerTokens(tokens), { cert, key });
    apps.push(remote);
    const url = await remote.listen({ host, port });
    return { url, close: (bound = 5_000) => close(bound) };
  } catch (error) {
    await close(0);
    throw error;
  }
}

/** A socket's mode comes from the umask, and it is bound before listen returns: nobody else sees the one or the other. */
async function listenPrivately(app: FastifyInstance, path: string): Promise<void> {
  const before = process.umask(0o177);
  try {
    app.server.listen(path);
  } finally {
    process.umask(before);
  }
  await once(app.server, 'listening');
}

async function closeAll(
  apps: readonly FastifyInstance[],
  streams: OpenStreams,
  { clock }: Parts,
  bound: number,
): Promise<void> {
  streams.end();
  const cancel = clock.after(bound, () => {
    for (const app of apps) app.server.closeAllConnections();
  });
  await Promise.all(apps.map((app) => app.close()));
  cancel();
}
