import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as after } from 'node:timers/promises';
import { systemClock } from '../../src/platform/clock.ts';
import { type Certificate, ensureCertificate } from '../../src/server/remote.ts';
import { cgiHead } from './cgi.ts';
import type { Repository } from './repository.ts';
import { cleanEnvironment } from './run.ts';

export interface Credentials {
  username: string;
  password: string;
}

/** What goes wrong with requests from now on. */
export interface Faults {
  /** Of a fetch the connection is broken off after so many bytes of the answer. What only lists references is whole. */
  cutAfter?: number;
  /** As above, but the connection stays open, and nothing more comes. */
  stallAfter?: number;
  /** Milliseconds before anything is answered. */
  delay?: number;
  /** A URL that stands in the place of this server's repository. */
  redirectTo?: string;
  /** Answers only this, as 500. */
  status?: number;
}

export interface Seen {
  /** As `GET /repository.git/info/refs?service=git-upload-pack`. */
  line: string;
  headers: IncomingHttpHeaders;
  status: number;
}

/**
 * A Git host: a repository by smart HTTP (`git http-backend`), fetch and push, over TLS with an authority of its own, on
 * a free port of loopback.
 */
export class HttpsHost implements AsyncDisposable {
  /** Whom it lets in; anybody where undefined. Set it anew to let a password expire. */
  credentials: Credentials | undefined;
  faults: Faults = {};
  /** In the order of their arrival. */
  readonly requests: Seen[] = [];
  readonly #repository: Repository;
  readonly #certificate: Certificate;
  readonly #server: Server;
  readonly #stopping = new AbortController();
  #port = 0;

  private constructor(repository: Repository, certificate: Certificate) {
    this.#repository = repository;
    this.#certificate = certificate;
    const { cert, key } = certificate;
    this.#server = createServer({ cert, key }, (request, response) => {
      // The client, or this host's end, has broken it off: whoever fetches is told by the connection.
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  /** Two authorities of the same name cannot be trusted at once: a second host may be certified by that of the first. */
  static async of(
    repository: Repository,
    { credentials, certifiedAs }: { credentials?: Credentials; certifiedAs?: HttpsHost } = {},
  ): Promise<HttpsHost> {
    const certificate = certifiedAs === undefined ? await makeCertificate() : certifiedAs.#certificate;
    const host = new HttpsHost(repository, certificate);
    host.credentials = credentials;
    await host.start();
    return host;
  }

  /** The certificate of its authority, PEM. */
  get ca(): string {
    return this.#certificate.ca;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}/repository.git`;
  }

  /** Again on the same port, after a stop. */
  async start(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
  }

  /** Breaks all connections off; new ones are refused. */
  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    if (this.#server.listening) await this.stop();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const seen: Seen = { line: `${method} ${url}`, headers, status: 0 };
    this.requests.push(seen);
    const say = (status: number, more: Record<string, string> = {}): void => {
      seen.status = status;
      response.writeHead(status, more).end();
    };
    const { delay, redirectTo, status } = this.faults;
    const body = await buffer(request);
    if (delay !== undefined) await after(delay, undefined, { signal: this.#stopping.signal });
    if (redirectTo !== undefined) {
      return say(301, { Location: url.replace('/repository.git', redirectTo) });
    }
    if (status !== undefined) return say(status);
    if (!this.#isLetIn(headers.authorization)) return say(401, { 'WWW-Authenticate': 'Basic realm="git"' });
    await this.#serve(request, body, response, seen);
  }

  #isLetIn(authorization: string | undefined): boolean {
    if (this.credentials === undefined) return true;
    const { username, password } = this.credentials;
    return authorization === `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  }

  async #serve(
    { method = '', url = '', headers }: IncomingMessage,
    body: Buffer,
    response: ServerResponse,
    seen: Seen,
  ): Promise<void> {
    const { pathname, search } = new URL(url, 'https://host');
    const backend = spawn('git', ['http-backend'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: {
        ...cleanEnvironment(this.#repository.folder),
        GIT_PROJECT_ROOT: this.#repository.folder,
        GIT_HTTP_EXPORT_ALL: '1',
        REQUEST_METHOD: method,
        PATH_INFO: pathname,
        QUERY_STRING: search.slice(1),
        CONTENT_TYPE: headers['content-type'] ?? '',
        CONTENT_LENGTH: String(body.length),
        HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
        ...(typeof headers['git-protocol'] === 'string' && { GIT_PROTOCOL: headers['git-protocol'] }),
        REMOTE_ADDR: '127.0.0.1',
        REMOTE_USER: this.credentials?.username ?? 'anybody', // with none, no push is taken
      },
    });
    response.once('close', () => backend.kill());
    backend.stdin.on('error', () => {}); // it need not read to the end
    backend.stdin.end(body);
    const fetches = pathname.endsWith('/git-upload-pack') && !body.includes('command=ls-refs');
    const { cutAfter, stallAfter } = fetches ? this.faults : {};
    let left = cutAfter ?? stallAfter ?? Number.POSITIVE_INFINITY;
    let head = Buffer.alloc(0);
    for await (const chunk of backend.stdout as AsyncIterable<Buffer>) {
      let part = chunk;
      if (!response.headersSent) {
        head = Buffer.concat([head, chunk]);
        const read = cgiHead(head);
        if (read === undefined) continue;
        seen.status = read.status;
        response.writeHead(read.status, read.headers);
        part = read.rest;
      }
      const whole = part.length <= left;
      // Waits until it has gone out, so that what is cut off afterwards has begun.
      await new Promise<void>((resolve) => void response.write(part.subarray(0, left), () => resolve()));
      left -= part.length;
      if (whole) continue;
      if (cutAfter !== undefined) return void response.destroy();
      return;
    }
    if (response.headersSent) return void response.end();
    seen.status = 500;
    response.writeHead(500).end();
  }
}

async function makeCertificate(): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), 'agentctl-https-'));
  try {
    return await ensureCertificate(folder, '127.0.0.1', systemClock);
  } finally {
    await rm(folder, { recursive: true });
  }
}
