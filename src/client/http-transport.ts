import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Readable } from 'node:stream';
import { ApiError, type Status, type StatusReason, UnreachableError } from '../api/errors.ts';
import { checkSocket, UntrustedError } from '../platform/trusted.ts';

// Importing node:http evaluates all its exports, which loads undici: 20 ms, more than the rest of a `get`.
const { Agent, request } = process.getBuiltinModule('node:http');

export type Target =
  | { socketPath: string }
  /** `ca` is PEM. Always https: a token is never sent unencrypted. */
  | { url: string; ca?: string | undefined; token?: string | undefined };

interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Includes the query. */
  path: string;
  accept?: string;
  contentType?: string;
  body?: object;
  /** How long the server may be silent, in milliseconds; 0 means no limit. The default of `json` is a minute. */
  silence?: number;
  signal?: AbortSignal | undefined;
  /** Called when a 2xx response begins. */
  onOpen?: () => void;
}

/** One server, with keep-alive connections. */
export interface Transport {
  /** Returns the JSON of a 2xx response. */
  json(call: Call): Promise<unknown>;
  /**
   * Yields the lines of a 2xx response as they arrive, until it ends or the call's signal aborts. The default of
   * `silence` is 0 here.
   */
  lines(call: Call): AsyncIterable<string>;
  close(): void;
}

interface Channel {
  send(options: RequestOptions): ClientRequest;
  close(): void;
}

/** Without a server name, Node checks whether the host is an IPv6 address, which takes 3 ms the first time. */
const unnamed = { servername: '' };

/** `check` throws if the socket is not trusted; it is called before each connection. */
async function unixChannel(socketPath: string, check: () => void): Promise<Channel> {
  const agent = new Agent({ keepAlive: true });
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (...given) => {
    check();
    return connect(...given);
  };
  return {
    send: (options) => request({ ...options, agent, socketPath, host: 'localhost', ...unnamed }),
    close: () => agent.destroy(),
  };
}

/** Loads node:https only here: the unix socket, which every start of the CLI uses, does not need it. */
async function tlsChannel(target: { url: string; ca?: string | undefined }): Promise<Channel> {
  const url = new URL(target.url);
  if (url.protocol !== 'https:')
    throw new UnreachableError(`${target.url} is not https. agentctl requires TLS: use https://...`);
  const https = await import('node:https');
  const agent = new https.Agent({ keepAlive: true });
  const tls = target.ca === undefined ? {} : { ca: target.ca };
  return {
    send: (options) =>
      https.request({
        ...options,
        ...tls,
        agent,
        host: url.hostname,
        port: url.port === '' ? 443 : url.port,
      }),
    close: () => agent.destroy(),
  };
}

/** Node's codes for a connection that the other side has closed. */
const lost: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE']);

export function createTransport(
  target: Target,
  onWarning: (text: string) => void,
  timeout?: number,
): Transport {
  const place = 'socketPath' in target ? target.socketPath : target.url;
  const authorization =
    'token' in target && target.token !== undefined ? `Bearer ${target.token}` : undefined;
  let channel: Promise<Channel> | undefined;

  async function send(call: Call, again = true): Promise<IncomingMessage> {
    channel ??=
      'socketPath' in target
        ? unixChannel(target.socketPath, () => checkListener(target.socketPath))
        : tlsChannel(target);
    const ready = await channel;
    const timeout = call.silence ?? 60_000;
    const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
    return new Promise((resolve, reject) => {
      const outgoing = ready.send({
        method: call.method,
        path: call.path,
        timeout,
        headers: {
          accept: call.accept ?? 'application/json',
          ...(authorization === undefined ? {} : { authorization }),
          ...(body === undefined
            ? {}
            : { 'content-type': call.contentType ?? 'application/json', 'content-length': body.length }),
        },
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer for ${timeout / 1000} s`)));
      // Node's own `signal` option destroys the socket with an error, which is unhandled if the response has just been
      // read.
      const { signal } = call;
      const abort = (): void => void outgoing.destroy();
      signal?.addEventListener('abort', abort, { once: true });
      outgoing.on('close', () => signal?.removeEventListener('abort', abort));
      if (signal?.aborted === true) abort();
      outgoing.on('response', resolve);
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        // The server may close an idle connection just when it is reused. A read can safely be sent again.
        const isAborted = signal?.aborted === true;
        if (again && !isAborted && outgoing.reusedSocket && lost.has(error.code) && call.method === 'GET')
          send(call, false).then(resolve, reject);
        else reject(isAborted ? error : unreachable(place, error));
      });
      outgoing.end(body);
    });
  }

  /**
   * Called for each connection, because another process may own the socket now. A kept connection remains with the
   * process that was checked.
   */
  function checkListener(path: string): void {
    try {
      checkSocket(path);
    } catch (error) {
      throw error instanceof UntrustedError ? error : unreachable(place, error as NodeJS.ErrnoException); // from the file system
    }
  }

  async function open(call: Call): Promise<IncomingMessage> {
    const response = await send(call);
    for (const text of warningsOf(response)) onWarning(text);
    const code = response.statusCode ?? 0;
    if (code >= 200 && code < 300) {
      call.onOpen?.();
      return response;
    }
    throw errorOf(code, await textOf(response, place), place);
  }

  const json = async (call: Call): Promise<unknown> =>
    parseJson(await textOf(await open(call), place), place);

  return {
    async *lines(call) {
      try {
        yield* linesOf(await open({ silence: 0, ...call }));
      } catch (error) {
        if (call.signal?.aborted === true) return;
        throw error instanceof ApiError ||
          error instanceof UnreachableError ||
          error instanceof UntrustedError
          ? error
          : unreachable(place, error as Error); // a stream throws nothing else
      }
    },
    async json(call) {
      if (timeout === undefined) return json(call);
      const limit = AbortSignal.timeout(timeout);
      const signal = call.signal === undefined ? limit : AbortSignal.any([limit, call.signal]);
      try {
        return await json({ ...call, signal });
      } catch (cause) {
        if (!limit.aborted) throw cause;
        const text = `the controller did not answer within ${timeout / 1000}s (--request-timeout)`;
        throw new UnreachableError(text, { cause });
      }
    },
    close() {
      channel?.then((ready) => ready.close()).catch(() => undefined); // if it never opened, there is nothing to close
    },
  };
}

async function textOf(response: IncomingMessage, place: string): Promise<string> {
  response.setEncoding('utf8'); // keeps characters whole that are split between two chunks
  let text = '';
  try {
    for await (const chunk of response) text += chunk;
  } catch (error) {
    throw unreachable(place, error as NodeJS.ErrnoException); // a stream throws nothing else
  }
  return text;
}

/** Parses `Warning: 299 - "text"` (RFC 7234, 5.5). */
function warningsOf(response: IncomingMessage): string[] {
  const header = response.headers.warning;
  if (header === undefined) return [];
  return Array.from(header.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g), ([, text]) =>
    (text ?? '').replace(/\\(.)/g, '$1'),
  );
}

const remedies: Record<string, string> = {
  ENOENT: 'no controller is running there',
  ECONNREFUSED: 'no controller is running there',
  EACCES: 'this user has no permission to use the socket',
  ECONNRESET: 'the connection was lost',
};

/** Returns the error for a failed connection, with its most likely cause. */
function unreachable(place: string, error: NodeJS.ErrnoException): UnreachableError {
  const why = (error.code === undefined ? undefined : remedies[error.code]) ?? error.message;
  return new UnreachableError(`cannot reach the controller at ${place}: ${why}`, { cause: error });
}

const reasons: Record<number, StatusReason> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** Returns the error of a response that is not 2xx. */
function errorOf(code: number, text: string, place: string): Error {
  if (!text.startsWith('{'))
    return new ApiError(reasons[code] ?? 'InternalError', text.trim() || `HTTP ${code}`);
  const answer = parseJson(text, place) as Partial<Status>; // the response of an API server, or of its HTTP layer, to a failure
  if (code === 503 && answer.kind !== 'Status')
    return new UnreachableError(`cannot reach the controller at ${place}: it is shutting down`);
  return apiErrorOf(answer as Status, code); // all its fields are optional for the reader
}

/** Returns the error of a Status. If its reason is unknown, the code decides. */
export function apiErrorOf(status: Status, code = status.code ?? 500): ApiError {
  const known =
    status.reason === 'AlreadyExists' || Object.values(reasons).some((reason) => reason === status.reason);
  const reason = known && status.reason !== undefined ? status.reason : (reasons[code] ?? 'InternalError');
  return new ApiError(
    reason,
    status.message ?? `HTTP ${code}`,
    status.details === undefined ? {} : { details: status.details },
  );
}

/** Throws UnreachableError if the text is not JSON: then the server is not agentctl. */
export function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UnreachableError(`${place} did not answer with JSON; is it really agentctl?`, {
      cause,
    });
  }
}

/**
 * Yields the lines of a stream, however its chunks split lines and characters. Drops an incomplete last line, which was
 * cut off.
 */
async function* linesOf(stream: Readable): AsyncGenerator<string> {
  stream.setEncoding('utf8');
  let rest = '';
  for await (const chunk of stream as AsyncIterable<string>) {
    let from = 0;
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', from)) {
      const line = rest + chunk.slice(from, end);
      rest = '';
      from = end + 1;
      if (line !== '') yield line;
    }
    rest += chunk.slice(from);
  }
}
