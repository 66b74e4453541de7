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
} from './message.ts';

/**
 * How long an answer is waited for, in milliseconds: while the agent says nothing of the session (it may tell all of its
 * history first), and in all. An agent that is starting is bound by its startDeadline.
 */
const patience = { silent: 60_000, most: 600_000 };

/** Not of the schema any more, and yet what agents offer. */
interface SetModel {
  sessionId: string;
  modelId: string;
}

/**
 * The SDK's connection over our wire: for requests whose answers need not be taken in line by line. On the wire each has
 * an id that no other connection to the same process has. The SDK is loaded at the first request: it takes 80 ms and
 * 8 MB, which a controller without such agents need not spend.
 */
export class Requests {
  readonly #wire: Wire;
  readonly #epoch: string;
  readonly #log: Log;
  readonly #clock: Clock;
  /** Sessions that answers are waited for about, and whether the agent has said something of them since. */
  readonly #heard = new Map<string, boolean>();
  /** The SDK's ids by those on the wire. */
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

  /** As `request`, of a run that is starting: one that is slow is given the time that its start has. */
  starting<Method extends AgentRequestMethod>(
    method: Method,
    params: AgentRequestParamsByMethod[Method],
  ): Promise<AgentRequestResponsesByMethod[Method]> {
    return this.#request(method, params, (agent) => agent.request(method, params), patience.most);
  }

  /**
   * Rejects with ProtocolError: AuthRequired, Closed (not written, too), Timeout or Failed. The answer is as the agent
   * gave it, unchecked.
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

  /** The agent has said something of a session. */
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

  /** Rejects once the answer is late. */
  #limit(method: string, params: object, silent: number): { late: Promise<never>; stop: () => void } {
    const session = id(fields(params)?.sessionId);
    const { promise: late, reject } = Promise.withResolvers<never>();
    late.catch(() => undefined); // where the answer came first
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

  /** Takes the answer if it is one to a request of this connection, and says whether it is. */
  answer(response: AnyResponse): boolean {
    const id = this.#ids.get(String(response.id));
    if (id === undefined) return false;
    this.#ids.delete(String(response.id));
    this.#answers.write({ ...response, id }).catch((error: unknown) => {
      this.#log.debug({ err: error }, 'an answer came after the end of the connection');
    });
    return true;
  }

  /** What waits is rejected. */
  close(reason: string): void {
    const closed = new ProtocolError('Closed', reason);
    this.#closed = closed;
    this.#connection?.then(
      (connection) => connection.close(closed),
      () => undefined, // whoever asked was told
    );
  }

  async #connect(): Promise<ClientConnection> {
    const { client } = await import('@agentclientprotocol/sdk');
    return client({ name: 'agentctl' }).connect({
      readable: this.#incoming.readable,
      writable: new WritableStream<AnyMessage>({ write: (message) => this.#write(message) }),
    });
  }

  /** The SDK has nothing to write but its requests: what the agent asks is not handed to it. */
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

/** Whether the agent itself answered with an error. */
export const isRefusal = (error: unknown): error is ProtocolError =>
  error instanceof ProtocolError &&
  error.reason === 'Failed' &&
  typeof fields(error.cause)?.code === 'number';
