import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError } from '../api/errors.ts';
import { jsonFault } from '../api/json.ts';
import { type Allowance, Bucket, type Clock, sleep } from '../platform/clock.ts';

/**
 * The HTTP server of the tools for agents. Anybody on the host can connect, so each connection and each body has
 * limits.
 */
/**
 * `body` in bytes; `headers` and `whole` in milliseconds, until the headers or the whole request must have arrived;
 * `interval` in milliseconds between checks for late requests; `connections` at once.
 */
const bounds = { body: 2 * 1024 * 1024, headers: 2_000, whole: 30_000, interval: 500, connections: 1_000 };

/**
 * The connections of all servers. Above the limit, a new connection replaces the oldest one without a valid token, so
 * that clients without a token cannot keep agents out.
 */
export class Connections {
  readonly #open = new Set<Socket>();
  /** Oldest first. */
  readonly #unproven = new Set<Socket>();
  readonly #bound: number;

  constructor(bound: number = bounds.connections) {
    this.#bound = bound;
  }

  accept(socket: Socket): void {
    if (this.#open.size >= this.#bound) {
      const [dropped = socket] = this.#unproven;
      dropped.destroy();
      this.#forget(dropped);
      if (dropped === socket) return;
    }
    this.#open.add(socket);
    this.#unproven.add(socket);
    socket.once('close', () => this.#forget(socket));
  }

  /** Records whether the last request of a connection had a valid token. */
  mark(socket: Socket, isProven: boolean): void {
    if (isProven) this.#unproven.delete(socket);
    else if (this.#open.has(socket)) this.#unproven.add(socket);
  }

  #forget(socket: Socket): void {
    this.#open.delete(socket);
    this.#unproven.delete(socket);
  }
}

/** Rejects with the system's error, such as EADDRINUSE. Port 0 picks a free port. */
export function listen(
  host: string,
  port: number,
  connections: Connections,
  answer: RequestListener,
): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(
      {
        headersTimeout: bounds.headers,
        requestTimeout: bounds.whole,
        connectionsCheckingInterval: bounds.interval,
      },
      answer,
    );
    server.on('connection', (socket: Socket) => connections.accept(socket));
    server.once('error', reject);
    server.listen({ host, port }, () => resolve(server));
    server.unref();
  });
}

/** Returns undefined if the body is too large or has too many fields. The transport reports invalid JSON. */
export async function bodyOf(request: IncomingMessage): Promise<{ json: unknown } | undefined> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > bounds.body) return undefined;
    pieces.push(piece);
  }
  const text = Buffer.concat(pieces).toString('utf8');
  if (jsonFault(text) !== undefined) return undefined;
  try {
    return { json: JSON.parse(text) };
  } catch {
    return { json: null };
  }
}

interface CallLimits extends Allowance {
  /** Calls in progress at once. */
  atOnce: number;
}

/** Limits the calls of each Instance, by uid: how many at once, and how many per second. */
export class Calls {
  readonly #clock: Clock;
  readonly #limits: CallLimits;
  readonly #callers = new Map<string, { inWork: number; bucket: Bucket }>();

  constructor(clock: Clock, limits: CallLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /**
   * Runs the work, after a delay if the rate is exceeded. Throws ApiError TooManyRequests if too many calls are in
   * progress.
   */
  async run<T>(uid: string, work: () => Promise<T>): Promise<T> {
    const caller = this.#callers.get(uid) ?? { inWork: 0, bucket: new Bucket(this.#clock, this.#limits) };
    this.#callers.set(uid, caller);
    if (caller.inWork >= this.#limits.atOnce)
      throw new ApiError(
        'TooManyRequests',
        `This instance has ${caller.inWork} requests in progress. Wait for an answer before you send the next one.`,
      );
    caller.inWork += 1;
    try {
      caller.bucket.charge(1);
      if (caller.bucket.debt > 0) await sleep(this.#clock, caller.bucket.debt);
      return await work();
    } finally {
      caller.inWork -= 1;
      if (this.#callers.size > mostIdle) this.#forgetIdle();
    }
  }

  #forgetIdle(): void {
    for (const [uid, { inWork, bucket }] of this.#callers)
      if (inWork === 0 && bucket.full) this.#callers.delete(uid);
  }
}

const mostIdle = 1_000;
