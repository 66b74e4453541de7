import type {
  AgentRequestMethod,
  AgentRequestParamsByMethod,
  AgentRequestResponsesByMethod,
  ClientConnection,
} from '@agentclientprotocol/sdk';
import type { Cancel, Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { ProtocolError, type Wire } from '../protocol.ts';
import {
  type AnyMessage,
  type AnyResponse,
  codes,
  fields,
  id,
  isRequest,
  type JsonRpcId,
  readError,
} from './acp-message.ts';

/**
 * Milliseconds to wait for an answer: while the agent reports nothing about the session (it may replay its whole
 * history first), and in total. For an agent that is starting, its startDeadline is the limit.
 */
const patience = { silent: 60_000, most: 600_000 };

/** No longer in the schema, but agents still offer it. */
interface SetModel {
  sessionId: string;
  modelId: string;
}

/**
 * The SDK's connection over our wire, for requests whose answers need not be handled line by line. On the wire each
 * request has an id that no other connection to the same process uses. The SDK is loaded at the first request: that
 * takes 80 ms and 8 MB, which a controller without such agents saves.
 */
export class Requests {
  readonly #wire: Wire;
  readonly #epoch: string;
  readonly #log: Log;
  readonly #clock: Clock;
  /** Sessions with requests in progress, and whether the agent has reported on them since. */
  readonly #heard = new Map<string, boolean>();
  /** The SDK's ids by the ids on the wire. */
  readonly #ids = new Map<string, JsonRpcId>();
  readonly #incoming = new TransformStream<AnyMessage, AnyMessage>();
  readonly #answers = this.#incoming.writable.getWriter();
  #connection: Promise<ClientConnection> | undefined;
  #closed: ProtocolError | undefined;
  #next = 0;

  constructor(wire: Wire, { epoch, log, clock }: { epoch: string; log: Log; clock: Clock }) {
    this.#wire = wire;
    this.#epoch = epoch;
    this.#log = log;
    this.#clock = clock;
  }

  /** Like `request`, but for a run that is starting: a slow run has as much time as its start. */
  starting<Method extends AgentRequestMethod>(
    method: Method,
    params: AgentRequestParamsByMethod[Method],
  ): Promise<AgentRequestResponsesByMethod[Method]> {
    return this.#request(method, params, (agent) => agent.request(method, params), patience.most);
  }

  /**
   * Returns the answer as the agent gave it, unchecked. Rejects with ProtocolError: AuthRequired, Closed (also if not
   * written), Timeout or Failed.
   */
  request<Method extends AgentRequestMethod>(
    method: Method,
    params: AgentRequestParamsByMethod[Method],
  ): Promise<AgentRequestResponsesByMethod[Method]> {
    return this.#request(method, params, (agent) => agent.request(method, params));
  }

  setModel(params: SetModel): Promise<unknown> {
    const method = 'session/set_model';
    return this.#request(method, params, (agent) => agent.request(method, params));
  }

  /** The agent has reported on a session. */
  heard(session: string): void {
    if (this.#heard.has(session)) this.#heard.set(session, true);
  }

  async #request<T>(
    method: string,
    params: object,
    ask: (agent: ClientConnection['agent']) => Promise<T>,
    silent = patience.silent,
  ): Promise<T> {
    this.#connection ??= this.#connect();
    const { agent } = await this.#connection;
    if (this.#closed !== undefined) throw this.#closed;
    const { late, stop } = this.#limit(method, params, silent);
    try {
      return await Promise.race([ask(agent), late]);
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      const { code, message } = readError(error);
      if (code === codes.unwritten)
        throw new ProtocolError('Closed', `${method}: ${message}`, { cause: error });
      const reason = code === codes.authRequired ? 'AuthRequired' : 'Failed';
      throw new ProtocolError(reason, `The agent answered ${method} with an error: ${message}`, {
        cause: error,
      });
    } finally {
      stop();
    }
  }

  /** `late` rejects when the time for the answer is over. */
  #limit(method: string, params: object, silent: number): { late: Promise<never>; stop: () => void } {
    const session = id(fields(params)?.sessionId);
    const { promise: late, reject } = Promise.withResolvers<never>();
    late.catch(() => undefined); // the answer may come first
    let cancel: Cancel;
    const wait = (waited: number): void => {
      if (session !== undefined) this.#heard.set(session, false);
      cancel = this.#clock.after(silent, () => {
        const so = waited + silent;
        const goesOn = session !== undefined && this.#heard.get(session) === true && so < patience.most;
        if (goesOn) wait(so);
        else
          reject(new ProtocolError('Timeout', `The agent did not answer ${method} within ${so / 1_000} s.`));
      });
    };
    wait(0);
    const stop = (): void => {
      cancel();
      if (session !== undefined) this.#heard.delete(session);
    };
    return { late, stop };
  }

  /** Handles a response. Returns whether it answers a request of this connection. */
  answer(response: AnyResponse): boolean {
    const id = this.#ids.get(String(response.id));
    if (id === undefined) return false;
    this.#ids.delete(String(response.id));
    this.#answers.write({ ...response, id }).catch((error: unknown) => {
      this.#log.debug({ err: error }, 'an answer came after the end of the connection');
    });
    return true;
  }

  /** Rejects all pending requests. */
  close(reason: string): void {
    const closed = new ProtocolError('Closed', reason);
    this.#closed = closed;
    this.#connection?.then(
      (connection) => connection.close(closed),
      () => undefined, // the callers have their errors
    );
  }

  async #connect(): Promise<ClientConnection> {
    const { client } = await import('@agentclientprotocol/sdk');
    return client({ name: 'agentctl' }).connect({
      readable: this.#incoming.readable,
      writable: new WritableStream<AnyMessage>({ write: (message) => this.#write(message) }),
    });
  }

  /** The SDK writes only its requests: requests of the agent are not passed to it. */
  #write(message: AnyMessage): void {
    if (!isRequest(message)) return;
    const id = `${this.#epoch}.${this.#next}`;
    this.#next += 1;
    this.#ids.set(id, message.id);
    this.#wire.write(JSON.stringify({ ...message, id })).catch((error: unknown) => {
      const unwritten = { code: codes.unwritten, message: `not written: ${String(error)}` };
      this.answer({ jsonrpc: '2.0', id, error: unwritten });
    });
  }
}

/** Returns whether the agent itself answered with an error. */
export const isRefusal = (error: unknown): error is ProtocolError =>
  error instanceof ProtocolError && error.code === 'Failed' && typeof fields(error.cause)?.code === 'number';
