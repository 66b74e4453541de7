import { type Agent, request } from 'node:http';
import { type Duplex, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import Modem from 'docker-modem';
import Docker from 'dockerode';
import { AgentctlError } from '../../api/errors.ts';
import { DriverError } from '../driver.ts';
import type { Connection } from './engine-connection.ts';

/** The engine refused a request: `status` is the HTTP status, `message` the engine's message. */
export class EngineError extends AgentctlError<'EngineError'> {
  readonly status: number;

  constructor(status: number, message: string, options: { cause?: unknown } = {}) {
    super('EngineError', message, options);
    this.name = 'EngineError';
    this.status = status;
  }
}

/**
 * The Docker Engine API through dockerode, with one client for each kind of request. Paths have no version, so the
 * engine uses its newest one; Docker since 20.10 and Podman since 4 support everything used here. All throw
 * EngineError, or DriverError Offline if the engine does not answer.
 */
export interface Engine {
  /** Uses pooled connections. */
  calls: Docker;
  /** Uses a new connection: an engine that is shutting down still serves existing ones. */
  fresh: Docker;
  /** Like `fresh`, for requests that are answered immediately (short timeout). */
  prompt: Docker;
  /** For responses of unlimited duration. */
  streams: Docker;
  pulls: Docker;
  /** Opens a connection that the engine hijacks: writes go to standard input, reads return frames of output. */
  hijack(path: string, body?: object): Promise<Duplex>;
  close(): void;
}

/** Milliseconds without a byte until the engine counts as unreachable. */
const timeouts = { calls: 120_000, prompt: 10_000, pulls: 300_000, streams: 0 };

interface Listeners {
  lost(): void;
  /** The engine has just accepted a connection. */
  accepted(): void;
}

export function createEngine({ pool, single }: Connection, endpoint: string, on: Listeners): Engine {
  for (const agent of [pool, single]) hideFromInspection(agent);
  const by = (agent: Agent, timeout: number, accepted?: () => void): Docker =>
    dockerBy(new EngineModem({ endpoint, agent, timeout, lost: on.lost, accepted }));
  const { lost } = on;
  const hijacker = new EngineModem({
    endpoint,
    agent: single,
    timeout: timeouts.calls,
    lost,
    accepted: undefined,
  });
  return {
    calls: by(pool, timeouts.calls),
    fresh: by(single, timeouts.calls, on.accepted),
    prompt: by(single, timeouts.prompt, on.accepted),
    streams: by(single, timeouts.streams),
    pulls: by(single, timeouts.pulls),
    hijack: (path, body) => hijacker.hijack(path, body),
    close() {
      pool.destroy();
      single.destroy();
    },
  };
}

/** dockerode's types lack this option. */
function dockerBy(modem: Modem): Docker {
  const options: Docker.DockerOptions & { modem: Modem } = { modem };
  return new Docker(options);
}

/** docker-modem formats all options of each request for its debug log, even if the log is off. */
function hideFromInspection(agent: Agent): void {
  Object.assign(agent, { [inspect.custom]: () => 'Agent' });
}

interface ModemDeps {
  endpoint: string;
  agent: Agent;
  timeout: number;
  lost: () => void;
  accepted: (() => void) | undefined;
}

/** Status codes that mean success. */
const good = Object.fromEntries([200, 201, 202, 204, 304].map((status) => [status, true]));

/**
 * docker-modem with two differences: a truncated response is an error (the original waits forever), and errors are
 * typed.
 */
export class EngineModem extends Modem {
  readonly #deps: ModemDeps;

  constructor(deps: ModemDeps) {
    const { agent, timeout } = deps;
    const { DOCKER_HOST: host } = process.env;
    // docker-modem would read DOCKER_HOST and related variables as defaults.
    delete process.env.DOCKER_HOST;
    try {
      // The agent opens the connections and ignores this path.
      super({ socketPath: 'engine', protocol: 'http', agent, timeout });
    } finally {
      if (host !== undefined) process.env.DOCKER_HOST = host;
    }
    this.#deps = deps;
  }

  override dial(options: Modem.DialOptions, done: Modem.RequestCallback = () => undefined): void {
    const fail = (error: unknown): void => done(this.#meaningOf(error, options.abortSignal), null);
    super.dial({ ...options, isStream: true, statusCodes: good }, (error, answer) => {
      if (error === null || statusOf(error) !== undefined) this.#deps.accepted?.();
      if (error !== null || !isStream(answer)) return fail(error);
      if (options.isStream) return done(null, answer);
      text(answer)
        .then((content) => done(null, answered(content, options.path)))
        .catch(fail);
    });
  }

  /** docker-modem sends the end of an empty body late, and the program would read it. */
  hijack(path: string, body?: object): Promise<Duplex> {
    const { agent, timeout } = this.#deps;
    const headers = {
      Host: 'engine',
      Connection: 'Upgrade',
      Upgrade: 'tcp',
      'Content-Type': 'application/json',
    };
    return new Promise((resolve, reject) => {
      const asked = request({ agent, method: 'POST', path, headers, timeout });
      const fail = (error: unknown): void => reject(this.#meaningOf(error, undefined));
      asked.on('timeout', () => asked.destroy(Object.assign(new Error('timeout'), { code: 'ECONNRESET' })));
      asked.on('error', fail);
      asked.on('response', (answer) => {
        const refuse = (said: string): void =>
          reject(refusal(answer.statusCode ?? 0, new Error(wordsOf(said))));
        text(answer).then(refuse).catch(fail);
      });
      asked.on('upgrade', (_, socket, head) => {
        socket.setTimeout(0);
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  #meaningOf(error: unknown, signal: AbortSignal | undefined): Error {
    const known = error instanceof Error ? error : new Error(String(error));
    if (signal?.aborted) return known;
    const status = statusOf(known);
    if (status !== undefined) return refusal(status, known);
    this.#deps.lost();
    return new DriverError('Offline', 'EngineUnreachable', unreachable(this.#deps, known), { cause: known });
  }
}

/** Returns a response as a stream. Not every method of dockerode can do that. */
export const streamOf = (
  { modem }: Docker,
  path: string,
  query: object,
  abortSignal: AbortSignal,
): Promise<Readable> =>
  new Promise((resolve, reject) => {
    modem.dial(
      { method: 'GET', path: `${path}?`, options: { _query: query }, isStream: true, abortSignal },
      (error: Error | null, answer: unknown) => (isStream(answer) ? resolve(answer) : reject(error)),
    );
  });

/** Returns without an error when the signal aborts. */
export async function* until(source: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  const stop = (): void => void source.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) stop();
    yield* source;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    source.destroy();
  }
}

const isStream = (answer: unknown): answer is Readable => answer instanceof Readable;

/**
 * Some responses have no body, and ping returns the plain text OK. A garbled response must not be read as empty, which
 * would mean that nothing exists.
 */
function answered(content: string, path: string | undefined): object {
  if (content.trim() === '' || path?.startsWith('/_ping')) return {};
  return parsed(content) ?? fail(`the answer is not JSON: ${content.slice(0, 100)}`);
}

function fail(message: string): never {
  throw new Error(message);
}

/** Returns undefined if the text is not a JSON object or array. */
function parsed(content: string): object | undefined {
  try {
    const value: unknown = JSON.parse(content);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Plain text, for example from a proxy.
  }
  return undefined;
}

/** Returns the message in the body of an error response. */
function wordsOf(content: string): string {
  const said = parsed(content);
  return said !== undefined && 'message' in said && typeof said.message === 'string' ? said.message : content;
}

const statusOf = (error: Error): number | undefined =>
  'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined;

function refusal(status: number, error: Error): EngineError {
  const said = error.message
    .replace(/^\(HTTP code \d+\) unexpected - /, '')
    .trim()
    .slice(0, 500);
  const message = said === '' ? `status ${status}` : said;
  // Podman returns 500 if the container disappears between two of its internal steps.
  return new EngineError(/no such container/i.test(message) ? 404 : status, message, { cause: error });
}

function unreachable({ endpoint, timeout }: ModemDeps, error: Error & { code?: string }): string {
  const said = `the engine at ${endpoint} does not answer (${error.code ?? error.message})`;
  switch (error.code) {
    case 'EACCES':
      return `${said}: this user has no permission to open the socket; add it to the group of the socket (docker)`;
    case 'ENOENT':
    case 'ECONNREFUSED':
      return `${said}: start the engine, or correct the Runtime's spec.endpoint`;
    case 'ECONNRESET':
      // docker-modem reports a timeout in this way too.
      return `${said}: it closed the connection${timeout > 0 ? `, or did not answer for ${timeout / 1000} s` : ''}. Check that it is running`;
    default:
      return `${said}: check that it is running and can be reached`;
  }
}
