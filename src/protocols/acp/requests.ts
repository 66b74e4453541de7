import type {
  AgentRequestMethod,
  AgentRequestParamsByMethod,
  AgentRequestResponsesByMethod,
  ClientConnection,
} from '@agentclientprotocol/sdk';
import type { Log } from '../../platform/log.ts';
import { ProtocolError, type Wire } from '../protocol.ts';
import { type AnyMessage, type AnyResponse, codes, isRequest, type JsonRpcId, readError } from './message.ts';
import { fields } from './read.ts';

/**
 * The SDK's connection over our wire: for requests whose answers need not be taken in line by line. On the wire each has
 * an id that no other connection to the same process has. The SDK is loaded at the first request: it takes 80 ms and
 * 8 MB, which a controller without such agents need not spend.
 */
export class Requests {
  readonly #wire: Wire;
  readonly #epoch: string;
  readonly #log: Log;
  /** The SDK's ids by those on the wire. */
  readonly #ids = new Map<string, JsonRpcId>();
  readonly #incoming = new TransformStream<AnyMessage, AnyMessage>();
  readonly #answers = this.#incoming.writable.getWriter();
  #connection: Promise<ClientConnection> | undefined;
  #closed: ProtocolError | undefined;
  #next = 0;

  constructor(wire: Wire, epoch: string, log: Log) {
    this.#wire = wire;
    this.#epoch = epoch;
    this.#log = log;
  }

  /**
   * Rejects with ProtocolError: AuthRequired, Closed (not written, too) or Failed. The answer is as the agent gave it,
   * unchecked.
   */
  async request<Method extends AgentRequestMethod>(
    method: Method,
    params: AgentRequestParamsByMethod[Method],
  ): Promise<AgentRequestResponsesByMethod[Method]> {
    this.#connection ??= this.#connect();
    const { agent } = await this.#connection;
    if (this.#closed !== undefined) throw this.#closed;
    try {
      return await agent.request(method, params);
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      const { code, message } = readError(error);
      if (code === codes.unwritten)
        throw new ProtocolError('Closed', `${method}: ${message}`, { cause: error });
      const reason = code === codes.authRequired ? 'AuthRequired' : 'Failed';
      throw new ProtocolError(reason, `The agent answered ${method} with an error: ${message}`, {
        cause: error,
      });
    }
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
