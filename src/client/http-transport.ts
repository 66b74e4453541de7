import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { ApiError, type Status, type StatusReason, UnreachableError } from '../api/errors.ts';
import { linesOf } from './http-lines.ts';

// An import of node:http reads all that it exports, which loads undici: 20 ms, more than all the rest of a `get`.
const { Agent, request } = process.getBuiltinModule('node:http');

export type Target =
  | { socketPath: string }
  /** `ca` is PEM. Always https: a token is never sent in the clear. */
  | { url: string; ca?: string | undefined; token?: string | undefined };

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  path: string;
  accept?: string;
  contentType?: string;
  body?: object;
  signal?: AbortSignal | undefined;
}

/** One server, reached over connections that are kept open. */
export interface Transport {
  /** The JSON of a 2xx answer. */
  json(call: Call): Promise<unknown>;
  /** The lines of a 2xx answer as they come in, until its end or until the call's signal aborts. */
  lines(call: Call): AsyncIterable<string>;
  close(): void;
}

/** Silence for so long in the middle of a call means that the server hangs. Streams are not bounded. */
const silenceMs = 60_000;

interface Channel {
  send(options: RequestOptions): ClientRequest;
  close(): void;
}

/** Without a server name Node looks whether the host is an IPv6 address, which takes 3 ms the first time. */
const unnamed = { servername: '' };

function unixChannel(socketPath: string): Channel {
  const agent = new Agent({ keepAlive: true });
  return {
    send: (options) => request({ ...options, agent, socketPath, host: 'localhost', ...unnamed }),
    close: () => agent.destroy(),
  };
}

/** node:https is loaded only here: the unix socket, which every start of the CLI uses, does without it. */
async function tlsChannel(target: { url: string; ca?: string | undefined }): Promise<Channel> {
  const url = new URL(target.url);
  if (url.protocol !== 'https:')
    throw new UnreachableError(`${target.url} is not https: agentctl speaks TLS only. Write https://...`);
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

export function createTransport(target: Target, onWarning: (text: string) => void): Transport {
  const place = 'socketPath' in target ? target.socketPath : target.url;
  const authorization =
    'token' in target && target.token !== undefined ? `Bearer ${target.token}` : undefined;
  let channel: Promise<Channel> | Channel | undefined =
    'socketPath' in target ? unixChannel(target.socketPath) : undefined;

  async function send(call: Call, timeout: number, again: boolean): Promise<IncomingMessage> {
    channel ??= 'socketPath' in target ? unixChannel(target.socketPath) : tlsChannel(target);
    const ready = channel instanceof Promise ? await channel : channel;
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
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer for ${timeout / 1000} s`)));
      outgoing.on('response', resolve);
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        // The server may close an idle connection just as it is used again; a read can safely be sent once more.
        if (again && outgoing.reusedSocket && error.code === 'ECONNRESET' && call.method === 'GET')
          send(call, timeout, false).then(resolve, reject);
        else reject(call.signal?.aborted === true ? error : unreachable(place, error));
      });
      outgoing.end(body);
    });
  }

  async function open(call: Call, timeout = 0): Promise<IncomingMessage> {
    const response = await send(call, timeout, true);
    for (const text of warningsOf(response)) onWarning(text);
    const code = response.statusCode ?? 0;
    if (code >= 200 && code < 300) return response;
    throw errorOf(code, await textOf(response, place), place);
  }

  return {
    async *lines(call) {
      try {
        yield* linesOf(await open(call));
      } catch (error) {
        if (call.signal?.aborted === true) return;
        throw error instanceof ApiError || error instanceof UnreachableError
          ? error
          : unreachable(place, error as Error); // a stream fails with nothing else
      }
    },
    async json(call) {
      const response = await open(call, silenceMs);
      return parse(await textOf(response, place), place);
    },
    close() {
      if (channel instanceof Promise)
        void channel.then((ready) => ready.close()).catch(() => undefined); // it never opened
      else channel?.close();
    },
  };
}

const remedies: Record<string, string> = {
  ENOENT: 'no controller runs there',
  ECONNREFUSED: 'no controller runs there',
  EACCES: 'this user may not use the socket',
  ECONNRESET: 'the connection was lost',
};

function unreachable(place: string, error: NodeJS.ErrnoException): UnreachableError {
  const why = (error.code === undefined ? undefined : remedies[error.code]) ?? error.message;
  return new UnreachableError(`cannot reach the controller at ${place}: ${why}`, { cause: error });
}

async function textOf(response: IncomingMessage, place: string): Promise<string> {
  response.setEncoding('utf8'); // holds back a character that is split between two chunks
  let text = '';
  try {
    for await (const chunk of response) text += chunk;
  } catch (error) {
    throw unreachable(place, error as NodeJS.ErrnoException); // a stream fails with nothing else
  }
  return text;
}

function parse(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UnreachableError(`${place} did not answer in JSON; is it agentctl that listens there?`, {
      cause,
    });
  }
}

/** `Warning: 299 - "text"` (RFC 7234, 5.5). */
function warningsOf(response: IncomingMessage): string[] {
  const header = response.headers.warning;
  if (header === undefined) return [];
  return Array.from(header.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g), ([, text]) =>
    (text ?? '').replace(/\\(.)/g, '$1'),
  );
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

function errorOf(code: number, text: string, place: string): Error {
  if (!text.startsWith('{'))
    return new ApiError(reasons[code] ?? 'InternalError', text.trim() || `HTTP ${code}`);
  return apiErrorOf(parse(text, place) as Status, code); // what an API server answers to a failure
}

/** The error that a Status tells of; a reason that we do not know goes by the code. */
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
