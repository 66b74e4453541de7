import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { stringify } from 'yaml';
import { AgentctlError } from '../api/errors.ts';
import type { Listener } from '../client/streams.ts';
import { bearerTokens, type Role, type Token } from './access.ts';
import { createApp } from './app.ts';
import { ensureCertificate } from './certificate.ts';
import type { Parts } from './kind-request.ts';
import { readText, writePrivate } from './private-file.ts';

/** Contains the certificate, the tokens, and `<role>.kubeconfig` for each role. */
const folderOf = (stateDir: string): string => join(stateDir, 'server');

export const kubeconfigPath = (stateDir: string, role: string): string =>
  join(folderOf(stateDir), `${role}.kubeconfig`);

/** Serves over TCP, always with TLS and bearer tokens. Throws AddressError. */
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

/** Returns the URL at which it can be reached from this host. */
const urlOf = (host: string, port: number): string =>
  `https://${hostPort(host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host, port)}`;

const hostPort = (host: string, port: number): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** The server cannot listen on the address of `--listen`. The message gives the cause and the remedy. */
export class AddressError extends AgentctlError<'AddressUnusable'> {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super('AddressUnusable', message, options);
    this.name = 'AddressError';
  }
}

/** Parses `host:port` or `[ipv6]:port`. Throws AddressError. */
export function parseAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535)
    throw new AddressError(
      `${JSON.stringify(text)} is not a listen address, such as 127.0.0.1:6443 or [::1]:0`,
    );
  return { host, port };
}

/** Returns a kubeconfig for kubectl, k9s and client libraries. It contains the token: write it with mode 0600. */
function kubeconfig(server: { url: string; ca: string }, { name, token }: Token): string {
  const context = `agentctl-${name}`;
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'agentctl',
        cluster: {
          server: server.url,
          'certificate-authority-data': Buffer.from(server.ca).toString('base64'),
        },
      },
    ],
    users: [{ name: context, user: { token } }],
    contexts: [{ name: context, context: { cluster: 'agentctl', user: context, namespace: 'default' } }],
    'current-context': context,
  });
}

const roles: readonly Role[] = ['admin', 'edit', 'view'];

/**
 * Returns one token for each role, stored in `folder`; creates them if there are none. Removing the file revokes all of
 * them.
 */
export async function ensureTokens(folder: string): Promise<Token[]> {
  const path = join(folder, 'tokens.json');
  const kept = await readText(path);
  if (kept !== undefined) return JSON.parse(kept);
  const made = roles.map(
    (role): Token => ({ name: role, role, token: randomBytes(32).toString('base64url') }),
  );
  await writePrivate(path, JSON.stringify(made, null, 2));
  return made;
}
