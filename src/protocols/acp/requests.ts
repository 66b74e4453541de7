import {
  type AgentRequestMethod,
  type AgentRequestParamsByMethod,
  type AgentRequestResponsesByMethod,
  type ClientConnection,
  client,
  RequestError,
} from '@agentclientprotocol/sdk';
import type { Log } from '../../platform/log.ts';
import { ProtocolError, type Wire } from '../protocol.ts';
import {
  type AnyMessage,
  type AnyRequest,
  type AnyResponse,
  codes,
  isRequest,
  type JsonRpcId,
  readError,
} from './message.ts';

/**
 * The SDK's connection over our wire: for requests whose answers need not be taken in line by line. On the wire each has
 * an id that no other connection to the same process has. Requests of the agent that are handed to it are unknown to it:
 * it answers `method not found`, which is meant, since agentctl offers no files and no terminals.
 */
export class Requests {
  readonly #wire: Wire;
  readonly #epoch: string;
  readonly #log: Log;
  readonly #sdk: ClientConnection;
  readonly #incoming: WritableStreamDefaultWriter<AnyMessage>;
  /** The SDK's ids by those on the wire. */
  readonly #ids = new Map<string, JsonRpcId>();
  #next = 0;

  constructor(wire: Wire, epoch: string, log: Log) {
    this.#wire = wire;
    this.#epoch = epoch;
    this.#log = log;
    const incoming = new TransformStream<AnyMessage, AnyMessage>();
    this.#incoming = incoming.writable.getWriter();
    this.#sdk = client({ name: 'agentctl' }).connect({
      readable: incoming.readable,
      writable: new WritableStream<AnyMessage>({ write: (message) => this.#write(message) }),
    });
  }

  /** Rejects with ProtocolError: AuthRequired, Closed (not written, too) or Failed. The answer is as the agent gave it, unchecked. */
  async request<Method extends AgentRequestMethod>(
    method: Method,
    params: AgentRequestParamsByMethod[Method],
  ): Promise<AgentRequestResponsesByMethod[Method]> {
    try {
      return await this.#sdk.agent.request(method, params);
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      if (!(error instanceof RequestError))
        throw new ProtocolError('Failed', `${method}: ${String(error)}`, { cause: error });
      const { message } = readError(error);
      if (error.code === codes.unwritten)
        throw new ProtocolError('Closed', `${method}: ${message}`, { cause: error });
      const reason = error.code === codes.authRequired ? 'AuthRequired' : 'Failed';
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
    this.#hand({ ...response, id });
    return true;
  }

  /** Answers that the method is unknown. */
  refuse(request: AnyRequest): void {
    this.#hand(request);
  }

  /** What waits is rejected. */
  close(reason: string): void {
    this.#sdk.close(new ProtocolError('Closed', reason));
  }

  #hand(message: AnyMessage): void {
    this.#incoming.write(message).catch((error: unknown) => {
      this.#log.debug({ error: String(error) }, 'a message came after the end of the connection');
    });
  }

  #write(message: AnyMessage): void {
    if (!isRequest(message)) {
      this.#wire.write(JSON.stringify(message)).catch((error: unknown) => {
        this.#log.warn({ error: String(error) }, 'an answer to the agent could not be written');
      });
      return;
    }
    const id = `${this.#epoch}.${this.#next}`;
    this.#next += 1;
    this.#ids.set(id, message.id);
    this.#wire.write(JSON.stringify({ ...message, id })).catch((error: unknown) => {
      this.answer({
        jsonrpc: '2.0',
        id,
        error: { code: codes.unwritten, message: `not written: ${String(error)}` },
      });
    });
  }
}

/** Whether the agent itself answered with an error. */
export const isRefusal = (error: unknown): error is ProtocolError =>
  error instanceof ProtocolError && error.reason === 'Failed' && error.cause instanceof RequestError;
