import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { DriverError } from '../driver.ts';
import type { Connection } from './connection.ts';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

interface Call {
  query?: Query | undefined;
  body?: unknown;
  signal?: AbortSignal | undefined;
  /** Milliseconds without a byte after which the engine counts as out of reach. */
  timeout?: number | undefined;
  /** On a connection of its own: an engine that is shutting down still serves those that it has. */
  fresh?: boolean | undefined;
}

/** The engine refused: `status` is HTTP's, `message` its own words. */
export class EngineError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'EngineError';
    this.status = status;
  }
}

/**
 * Speaks the Docker Engine API. Paths bear no version: the engine answers in its newest one, and both Docker since
 * 20.10 and Podman since 4 know all that is used here. Throws EngineError, or DriverError Offline where there is no answer.
 */
export interface EngineClient {
  /** The body, from JSON; undefined where there is none. */
  call<T>(method: string, path: string, call?: Call): Promise<T>;
  headers(method: string, path: string, call?: Call): Promise<IncomingMessage['headers']>;
  /** The answer while it still comes in. */
  stream(method: string, path: string, call?: Call): Promise<IncomingMessage>;
  close(): void;
}

const defaultTimeout = 120_000;

export function createEngineClient(
  connection: Connection,
  endpoint: string,
  on: { lost: () => void; accepted: () => void },
): EngineClient {
  const request = connection.protocol === 'https:' ? tlsRequest : plainRequest;

  const offline = (error: Error): DriverError => {
    on.lost();
    return new DriverError('Offline', 'EngineUnreachable', unreachable(endpoint, error), { cause: error });
  };

  const send = (method: string, path: string, call: Call, streaming: boolean): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const body = call.body === undefined ? undefined : JSON.stringify(call.body);
      const outgoing = request({
        ...connection.request,
        agent: streaming || call.fresh ? connection.streams : connection.agent,
        method,
        path: path + queryText(call.query),
        ...(body === undefined
          ? {}
          : {
              headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
            }),
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      });
      const timeout = call.timeout ?? (streaming ? 0 : defaultTimeout);
      if (timeout > 0)
        outgoing.setTimeout(timeout, () => outgoing.destroy(new Error(`no answer within ${timeout} ms`)));
      outgoing.on('error', (error) => reject(call.signal?.aborted ? error : offline(error)));
      outgoing.on('response', (response) => {
        if (call.fresh) on.accepted();
        resolve(response);
      });
      outgoing.end(body);
    });

  const textOf = async (response: IncomingMessage, signal?: AbortSignal): Promise<string> => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of response) chunks.push(chunk);
    } catch (error) {
      if (signal?.aborted) throw error;
      throw offline(error instanceof Error ? error : new Error(String(error)));
    }
    return Buffer.concat(chunks).toString();
  };

  const accepted = async (response: IncomingMessage): Promise<IncomingMessage> => {
    const status = response.statusCode ?? 0;
    if (status < 400) return response;
    const message = messageOf(await textOf(response)) ?? `${status} ${response.statusMessage ?? ''}`;
    // Podman says 500 when it goes away between two of its own steps.
    throw new EngineError(/no such container/i.test(message) ? 404 : status, message);
  };

  return {
    async call<T>(method: string, path: string, call: Call = {}): Promise<T> {
      const response = await accepted(await send(method, path, call, false));
      const text = await textOf(response, call.signal);
      // The engine's API says what each path answers; the callers name it.
      return (text === '' ? undefined : JSON.parse(text)) as T;
    },
    async headers(method, path, call = {}) {
      const response = await accepted(await send(method, path, call, false));
      await textOf(response);
      return response.headers;
    },
    stream: async (method, path, call = {}) => accepted(await send(method, path, call, true)),
    close() {
      connection.agent.destroy();
      connection.streams.destroy();
    },
  };
}

function queryText(query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size === 0 ? '' : `?${parameters}`;
}

/** Docker says `message`; Podman says `cause` and `message`. */
function messageOf(text: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && 'message' in parsed) return String(parsed.message);
  } catch {
    // Not JSON: a proxy's page, or plain words.
  }
  return text.trim().slice(0, 500) || undefined;
}

function unreachable(endpoint: string, error: Error & { code?: string }): string {
  const said = `the engine at ${endpoint} does not answer (${error.code ?? error.message})`;
  switch (error.code) {
    case 'EACCES':
      return `${said}: this user may not open the socket; add it to the group that owns it (docker)`;
    case 'ENOENT':
    case 'ECONNREFUSED':
      return `${said}: start the engine, or correct the Runtime's spec.endpoint`;
    default:
      return `${said}: see that it runs and can be reached`;
  }
}
