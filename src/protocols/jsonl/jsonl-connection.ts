import {
  type Connection,
  type ConnectOptions,
  type Facts,
  type Host,
  ProtocolError,
  type Turn,
  type Wire,
} from '../protocol.ts';
import type { Peer, TurnEvent, TurnResult } from '../turn-events.ts';
import { Malformed } from './jsonl-fields.ts';
import { type InFlight, Queries, Turns } from './jsonl-turns.ts';
import { factsOf, readLine, type Said, turnEvent } from './said.ts';

/** Characters of a meaningless line that are reported. */
const shown = 500;

type Background = Extract<Said, { type: 'bg_event' | 'bg_done' }>;

export class Connected implements Connection {
  readonly #wire: Wire;
  readonly #host: Host;
  readonly #options: ConnectOptions;
  readonly #turns = new Turns();
  readonly #queries: Queries;
  #facts: Facts | undefined;
  #closed: string | undefined;

  constructor(wire: Wire, host: Host, options: ConnectOptions) {
    this.#wire = wire;
    this.#host = host;
    this.#options = options;
    this.#queries = new Queries(options.clock, options.epoch);
    for (const turn of options.turns) this.#turns.add(turn);
    const { facts } = options;
    this.#facts = facts;
    if (facts === undefined) return;
    queueMicrotask(() => {
      if (this.#closed === undefined) host.ready(facts);
    });
  }

  receive(line: string): void {
    if (this.#closed !== undefined || line.trim() === '') return;
    try {
      this.#take(readLine(line));
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.#host.garbage(line.slice(0, shown), error.message);
    }
  }

  #take(said: Said): void {
    const host = this.#host;
    const turns = this.#turns;
    switch (said.type) {
      case 'ready':
        this.#ready(factsOf(said.ready));
        break;
      case 'ack':
        this.#ofTurn(said, turns.named(said.messageId), (message) => host.acknowledged(message));
        break;
      case 'event':
        this.#event(said, turns.find(said.of));
        break;
      case 'chat_done':
        this.#chatDone(said);
        break;
      case 'route_done': {
        const named = said.messageId === undefined ? undefined : turns.named(said.messageId);
        this.#end(said, named ?? turns.named(said.requestId), { state: 'Completed', answer: said.response });
        break;
      }
      case 'error':
        this.#error(said);
        break;
      case 'bg_event':
      case 'bg_done':
        this.#background(said);
        break;
      case 'route_request': {
        const { requestId, toId: to, message: text, of } = said;
        host.route({ requestId, to, text, message: running(turns.find(of)) });
        break;
      }
      case 'mgmt_request':
        host.manage({ requestId: said.requestId, action: said.action, params: said.params });
        break;
      case 'query_response':
        if (!this.#queries.answer(said.requestId, said.answer)) this.#passOver(said);
        break;
      case 'usage':
        host.usage(running(turns.find(said.of)), said.usage);
        break;
      case 'quota':
        host.quota({ message: said.message, ...(said.until === undefined ? {} : { until: said.until }) });
        break;
    }
  }

  #event(said: Extract<Said, { type: 'event' }>, one: InFlight | undefined): void {
    const event = turnEvent(said.event);
    const { messageId = one?.turn.message, conversationId } = said.of;
    if (one !== undefined && !one.abandoned) this.#host.event(one.turn.message, event);
    else if (messageId === undefined && conversationId === undefined) this.#passOver(said);
    else this.#host.after({ message: messageId, session: conversationId }, event);
  }

  /** A second `ready` in a run means that the worker has reinitialized itself. */
  #ready(facts: Facts): void {
    if (this.#facts !== undefined) return;
    this.#facts = facts;
    this.#host.ready(facts);
  }

  #chatDone(said: Extract<Said, { type: 'chat_done' }>): void {
    const one = this.#turns.find(said.of);
    if (one?.turn.kind === 'Route' && !one.abandoned) {
      this.#passOver(said); // the asking agent waits for the response in route_done
      return;
    }
    const stopReason = said.stopReason ?? (one?.cancelled === true ? 'cancelled' : undefined);
    this.#end(said, one, { state: 'Completed', ...(stopReason === undefined ? {} : { stopReason }) });
  }

  #error(said: Extract<Said, { type: 'error' }>): void {
    const { error, messageId } = said;
    if (messageId !== undefined) {
      this.#end(said, this.#turns.named(messageId), {
        state: 'Failed',
        reason: 'AgentError',
        message: error,
      });
      return;
    }
    this.#options.log.warn({ error }, 'an agent reports an error');
    this.#host.event(undefined, { type: 'note', text: error });
  }

  #background(said: Background): void {
    const { source, conversationId } = said;
    const asker = source.startsWith('route:') ? source.slice('route:'.length) : undefined;
    const one = asker === undefined ? undefined : this.#turns.asked(asker, conversationId);
    const event: TurnEvent = {
      type: 'background',
      source,
      ...(conversationId === undefined ? {} : { conversation: conversationId }),
      ...(said.type === 'bg_done' ? { event: null, done: true } : { event: said.event }),
    };
    this.#host.event(one?.turn.message, event);
  }

  #ofTurn(said: Said, one: InFlight | undefined, apply: (message: string) => void): void {
    if (one === undefined || one.abandoned) this.#passOver(said);
    else apply(one.turn.message);
  }

  #end(said: Said, one: InFlight | undefined, result: TurnResult): void {
    if (one !== undefined) this.#turns.remove(one.turn.message);
    this.#ofTurn(said, one, (message) => this.#host.ended(message, result));
  }

  #passOver({ type }: Said): void {
    this.#options.log.debug({ type }, 'a line of no turn that goes on is passed over');
  }

  /** Returns the conversation's id as the session, because the worker identifies conversations by it. */
  async session(conversation: {
    id: string;
    session?: string | undefined;
    live: boolean;
  }): Promise<{ session: string; how: 'Live' | 'Loaded' | 'New' }> {
    this.#mustBeOpen();
    const { id, session, live } = conversation;
    if (session === undefined) return { session: id, how: 'New' };
    return { session: id, how: live ? 'Live' : this.#facts?.canResume === true ? 'Loaded' : 'New' };
  }

  async prompt(turn: Turn): Promise<void> {
    this.#mustBeOpen();
    const { message: messageId, from: fromId, text: message, conversation: conversationId } = turn;
    this.#turns.add(turn); // the answer may arrive before the write resolves
    try {
      await this.#write(
        turn.kind === 'Route'
          ? { type: 'route', messageId, fromId, message, requestId: messageId, conversationId }
          : { type: 'chat', messageId, fromId, message, conversationId },
      );
    } catch (error) {
      this.#turns.remove(messageId);
      throw error;
    }
  }

  /**
   * Cancels a turn. An agent that has not announced `cancel` is not asked: the turn ends here, whatever the agent still
   * says.
   */
  cancel(message: string): void {
    const one = this.#turns.named(message);
    if (this.#closed !== undefined || one === undefined || one.cancelled || one.abandoned) return;
    if (this.#facts?.cancel === true) {
      one.cancelled = true;
      this.#send({ type: 'cancel', messageId: message, conversationId: one.turn.conversation });
      return;
    }
    one.abandoned = true;
    this.#host.ended(message, {
      state: 'Failed',
      reason: 'Cancelled',
      message: 'It was cancelled. The agent cannot be told, and may still work on it.',
    });
  }

  async decide(): Promise<void> {} // it requests no permission

  async routed(requestId: string, answer: { response: string } | { error: string }): Promise<void> {
    await this.#answer({ type: 'route_response', requestId, ...answer });
  }

  async managed(requestId: string, answer: { response: unknown } | { error: string }): Promise<void> {
    await this.#answer({ type: 'mgmt_response', requestId, ...answer });
  }

  async query(action: string, params: unknown, { timeout }: { timeout: number }): Promise<unknown> {
    this.#mustBeOpen();
    const send = (requestId: string): Promise<void> =>
      this.#write({ type: 'query', requestId, action, params: params ?? {} });
    return this.#queries.ask(send, timeout);
  }

  /** Always sends every field, because workers may rely on them. */
  peers(peers: readonly Peer[]): void {
    const list = peers.map(({ id, model = '', identity = '', capabilities }) => ({
      id,
      model,
      identity,
      capabilities,
    }));
    this.#send({ type: 'peers_update', peers: list });
  }

  shutdown(): void {
    this.#send({ type: 'shutdown' });
  }

  closeSession(session: string): void {
    this.#turns.forget(session);
  }

  close(reason: string): void {
    this.#closed ??= reason;
    this.#queries.close(reason);
  }

  #mustBeOpen(): void {
    if (this.#closed !== undefined) throw new ProtocolError('Closed', this.#closed);
  }

  async #write(line: { type: string; [field: string]: unknown }): Promise<void> {
    this.#mustBeOpen();
    await this.#wire.write(JSON.stringify(line));
  }

  async #answer(line: { type: string; [field: string]: unknown }): Promise<void> {
    this.#mustBeOpen();
    await this.#wire.answer(JSON.stringify(line));
  }

  /** Sends a line that nobody waits for. */
  #send(line: { type: string; [field: string]: unknown }): void {
    this.#write(line).catch((error: unknown) =>
      this.#options.log.debug({ err: error, type: line.type }, 'a line did not reach the agent'),
    );
  }
}

const running = (one: InFlight | undefined): string | undefined =>
  one === undefined || one.abandoned ? undefined : one.turn.message;
