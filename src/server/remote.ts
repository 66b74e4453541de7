import { randomBytes, randomUUID, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { type AddressInfo, isIP } from 'node:net';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { stringify } from 'yaml';
import { AgentctlError } from '../api/errors.ts';
import type { Listener } from '../client/streams.ts';
import type { Clock } from '../platform/clock.ts';
import { ignoringAsync } from '../platform/code.ts';
import { bearerTokens, type Role, type Token } from './access.ts';
import { createApp } from './app.ts';
import type { ServerDeps } from './kind-request.ts';

/** Contains the certificate, the tokens, and `<role>.kubeconfig` for each role. */
const folderOf = (stateDir: string): string => join(stateDir, 'server');

export const kubeconfigPath = (stateDir: string, role: string): string =>
  join(folderOf(stateDir), `${role}.kubeconfig`);

/** Serves over TCP, always with TLS and bearer tokens. Throws AddressError. */
export async function serveRemotely(
  deps: ServerDeps,
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

/** All PEM. `ca` is the certificate that a client trusts. */
export interface Certificate {
  ca: string;
  cert: string;
  key: string;
}

const day = 86_400_000;
const lifetime = 3650 * day;
const renewBefore = 30 * day;

/**
 * Returns the certificate in `folder`, for this host, loopback and `host`. Creates a new one if there is none, if it
 * expires within 30 days, or if it is for other names. Its authority signs nothing else, because its key is discarded.
 */
export async function ensureCertificate(folder: string, host: string, clock: Clock): Promise<Certificate> {
  const names = [...new Set(['127.0.0.1', '::1', 'localhost', hostname(), host])].filter(
    (name) => name !== '0.0.0.0' && name !== '::',
  );
  const path = join(folder, 'serving.json');
  const kept = await readText(path);
  if (kept !== undefined) {
    const certificate: Certificate = JSON.parse(kept);
    if (stillGood(certificate.cert, names, clock.now())) return certificate;
  }
  const made = await makeCertificate(names, clock.now());
  await writePrivate(path, JSON.stringify(made, null, 2));
  return made;
}

function stillGood(pem: string, names: readonly string[], now: number): boolean {
  const certificate = new X509Certificate(pem);
  const covers = (name: string): boolean =>
    (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined;
  return Date.parse(certificate.validTo) - now > renewBefore && names.every(covers);
}

async function makeCertificate(names: readonly string[], now: number): Promise<Certificate> {
  const { generate } = await import('selfsigned'); // slow to load, and rarely needed
  // One hour back, for clients whose clock is slow.
  const common = {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(now - 3_600_000),
    notAfterDate: new Date(now + lifetime),
  } as const;
  const authority = await generate([{ name: 'commonName', value: 'agentctl-ca' }], {
    ...common,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  });
  const serving = await generate([{ name: 'commonName', value: 'agentctl' }], {
    ...common,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: names.map((name) => (isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name })),
      },
    ],
  });
  return { ca: authority.cert, cert: serving.cert, key: serving.private };
}

/** Returns undefined if there is no file. */
async function readText(path: string): Promise<string | undefined> {
  return ignoringAsync(readFile(path, 'utf8'), 'ENOENT');
}

/** Writes a file that only its owner can read from the first byte (0600, folder 0700), atomically. */
async function writePrivate(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const beside = `${path}.${randomUUID()}`;
  await writeFile(beside, text, { mode: 0o600, flag: 'wx' });
  await rename(beside, path);
}
