import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Listener } from '../client/streams.ts';
import { bearerTokens } from './access.ts';
import { AddressError, parseAddress } from './address.ts';
import { createApp } from './app.ts';
import { ensureCertificate } from './certificate.ts';
import { kubeconfig } from './kubeconfig.ts';
import type { Parts } from './parts.ts';
import { writePrivate } from './private-file.ts';
import { ensureTokens } from './tokens.ts';

/** Certificate and tokens; and for each role, `<role>.kubeconfig`. */
const folderOf = (stateDir: string): string => join(stateDir, 'server');

export const kubeconfigPath = (stateDir: string, role: string): string =>
  join(folderOf(stateDir), `${role}.kubeconfig`);

/** Serves over TCP: always TLS, always with bearer tokens. Throws AddressError. */
export async function serveRemotely(
  deps: Parts,
  listen: string,
  stateDir: string,
): Promise<{ app: FastifyInstance; tls: Listener }> {
  const { host, port } = parseAddress(listen);
  const folder = folderOf(stateDir);
  const { ca, cert, key } = await ensureCertificate(folder, host, deps.clock);
  const tokens = await ensureTokens(folder);
  const app = await createApp(deps, bearerTokens(tokens), { cert, key });
  await app.listen({ host, port }).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'EADDRINUSE' ? 'something else listens there' : cause.message;
    throw new AddressError(
      `cannot listen on ${listen}: ${why}. Use another address; port 0 is any free port`,
      { cause },
    );
  });
  const { port: bound } = app.server.address() as AddressInfo; // a TCP server's
  const tls = { address: urlOf(host, bound), listen: hostPort(host, bound) };
  for (const token of tokens)
    await writePrivate(kubeconfigPath(stateDir, token.role), kubeconfig({ url: tls.address, ca }, token));
  return { app, tls };
}

/** How to reach it from this host. */
const urlOf = (host: string, port: number): string =>
  `https://${hostPort(host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host, port)}`;

const hostPort = (host: string, port: number): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;
