import type { PromptRequest } from '@agentclientprotocol/sdk';
import { cut } from '../../api/text.ts';
import {
  type Connection,
  type ConnectOptions,
  type Facts,
  type Host,
  limits,
  ProtocolError,
  type Turn,
  type Wire,
} from '../protocol.ts';
import type { TurnResult, Usage } from '../turn-events.ts';
import {
  type AnyMessage,
  type AnyRequest,
  type AnyResponse,
  codes,
  type Fields,
  fields,
  id as idOf,
  isRequest,
  isResponse,
  name,
  parse,
  present,
  type RpcError,
  readError,
} from './acp-message.ts';
import { Requests } from './acp-requests.ts';
import type { Settled } from './acp-settings.ts';
import { Calls } from './acp-tool-calls.ts';
import { type Current, isTurnId, Turns, wireId } from './acp-turns.ts';
import { tokens } from './acp-usage.ts';
import { Handshake } from './handshake.ts';
import { answerTo, readPermission } from './permission.ts';
import { SessionUpdates } from './session-updates.ts';
import { readAbilities, Sessions } from './sessions.ts';

/** Characters of a meaningless line that are reported. */
const shown = 500;

export class AcpConnection implements Connection {
  readonly #wire: Wire;
  readonly #host: Host;
  readonly #options: ConnectOptions;
  readonly #requests: Requests;
  readonly #turns: Turns;
  readonly #updates: SessionUpdates;
  #handshake: Handshake | undefined;
  #sessions: Sessions | undefined;
  #facts: Facts | undefined;
  /** The session that the handshake opened as a test. The first conversation in its folder uses it. */
  #spare: string | undefined;
  /** The permissions that were answered last. */
  readonly #decided = new Set<string>();
  #closed: string | undefined;

  constructor(wire: Wire, host: Host, options: ConnectOptions) {
    this.#wire = wire;
    this.#host = host;
    this.#options = options;
    this.#requests = new Requests(wire, options);
    this.#turns = new Turns(options.clock, {
      turns: options.turns,
      givenUp: options.givenUp,
      offersTools: options.mcp !== undefined,
    });
    this.#updates = new SessionUpdates(host, this.#turns);
    const { facts } = options;
    if (facts !== undefined) {
      const sessions = new Sessions(this.#requests, options, {
        agent: facts.agent,
        abilities: readAbilities(facts),
      });
      queueMicrotask(() => {
        if (this.#closed === undefined) host.ready(facts);
      });
      this.#begin(facts, sessions);
      return;
    }
    this.#handshake = new Handshake(this.#requests, options, {
      ready: (found, sessions, spare) => {
        this.#spare = spare;
        this.#begin(found, sessions);
        host.ready(found);
      },
      unready: (reason, message) => host.unready(reason, message),
    });
  }

  #begin(facts: Facts, sessions: Sessions): void {
    this.#sessions = sessions;
    this.#facts = facts;
  }

  receive(line: string): void {
    if (this.#closed !== undefined || line.trim() === '') return;
    const { message, garbage } = parse(line);
    if (message === undefined) this.#host.garbage(line.slice(0, shown), garbage);
    else if (isRequest(message)) this.#asked(message);
    else if (isResponse(message)) this.#answered(message);
    else if (message.method === 'session/update') this.#updated(fields(message.params));
    else this.#passOver(message);
  }

  #asked(request: AnyRequest): void {
    if (request.method !== 'session/request_permission') {
      // This includes files and terminals: agentctl offers none, because they would be those of the host.
      const error = {
        code: codes.methodNotFound,
        message: `Method not found: ${cut(request.method, limits.name)}`,
      };
      this.#answer(JSON.stringify({ jsonrpc: '2.0', id: request.id, error }));
      return;
    }
    const params = fields(request.params);
    const session = idOf(params?.sessionId) ?? '';
    const current = this.#turns.asking(session, idOf(fields(params?.toolCall)?.toolCallId));
    if (current?.givenUp === true) {
      this.#refuseTool(request);
      return;
    }
    const origin = current === undefined ? session : wireId(current.turn);
    const calls =
      (current ?? this.#turns.before(session))?.calls ??
      new Calls({ fresh: true, offersTools: this.#options.mcp !== undefined });
    const permission = readPermission(origin, request.id, params, calls);
    if (permission === undefined) {
      const error = { code: codes.invalidParams, message: 'no toolCall with a toolCallId' };
      this.#answer(JSON.stringify({ jsonrpc: '2.0', id: request.id, error }));
      return;
    }
    current?.permissions.add(permission.id);
    this.#host.permission(current?.turn.message, permission);
  }

  /** Answers a permission request of a cancelled turn. */
  #refuseTool({ id }: AnyRequest): void {
    this.#answer(JSON.stringify({ jsonrpc: '2.0', id, result: { outcome: { outcome: 'cancelled' } } }));
  }

  #answered(response: AnyResponse): void {
    const current = isTurnId(response.id) ? this.#turns.get(response.id) : undefined;
    if (current !== undefined) this.#ended(current, response);
    else if (!this.#requests.answer(response)) this.#passOver(response);
  }

  #ended(current: Current, response: AnyResponse): void {
    this.#turns.remove(current);
    const { message, session } = current.turn;
    if (current.givenUp) {
      this.#host.released(message);
      return;
    }
    if ('error' in response) {
      this.#host.ended(message, failure(readError(response.error), current.cancelled));
      return;
    }
    const result = fields(response.result);
    const model = this.#sessions?.settings.model(session);
    const usage = tokens(result, { agent: this.#sessions?.agent, model });
    if (usage !== undefined) this.#host.usage(message, usage);
    const stopReason = name(result?.stopReason);
    // If a turn ends well, its open calls were carried out. If it was cancelled, nobody knows.
    if (stopReason === 'end_turn') for (const use of current.calls.left()) this.#host.used(message, use);
    this.#host.ended(message, present({ state: 'Completed' as const, stopReason }));
  }

  #updated(params: Fields | undefined): void {
    const session = idOf(params?.sessionId) ?? '';
    this.#requests.heard(session);
    this.#updates.take(session, fields(params?.update) ?? {}, this.#sessions);
  }

  #passOver(message: AnyMessage): void {
    const what =
      'method' in message
        ? { method: cut(message.method, limits.name) }
        : present({ id: message.id, error: 'error' in message ? readError(message.error) : undefined });
    this.#options.log.debug(what, 'a message of the agent that has no effect');
  }

  async session(conversation: {
    id: string;
    session?: string | undefined;
    live: boolean;
    workingDir: string;
  }): Promise<{ session: string; how: 'Live' | 'Loaded' | 'New'; cost?: Usage['cost'] }> {
    const sessions = this.#open();
    const { session, live, workingDir } = conversation;
    if (session !== undefined && live) return { session, how: 'Live' };
    if (session !== undefined && this.#facts?.canResume === true) {
      const { settled, cost } = await sessions.load(session, workingDir);
      this.#mustHold(settled);
      return { session, how: 'Loaded', cost };
    }
    const spare = this.#spare;
    if (spare !== undefined && workingDir === this.#options.probeDir) {
      this.#spare = undefined;
      return { session: spare, how: 'New' };
    }
    const made = await sessions.make(workingDir);
    this.#mustHold(made.settled);
    return { session: made.session, how: 'New' };
  }

  /**
   * Throws if a session does not apply a setting that the agent is known to support: it would silently use another one.
   */
  #mustHold(settled: Settled): void {
    for (const what of ['model', 'mode', 'options'] as const)
      if (this.#facts?.controls[what]?.status === 'True' && settled[what].status === 'False')
        throw new ProtocolError('Failed', settled[what].message);
  }

  async prompt(turn: Turn): Promise<void> {
    const sessions = this.#open();
    const preface = sessions.preface(turn.preface);
    // An agent may join the blocks.
    const texts = preface === undefined ? [turn.text] : [`${preface}\n\n`, turn.text];
    const params: PromptRequest = {
      sessionId: turn.session,
      prompt: texts.map((text) => ({ type: 'text', text })),
    };
    const current = this.#turns.add(turn); // its end may arrive before the write resolves
    try {
      await this.#wire.write(
        JSON.stringify({ jsonrpc: '2.0', id: wireId(turn), method: 'session/prompt', params }),
      );
    } catch (error) {
      this.#turns.remove(current);
      throw error;
    }
  }

  cancel(message: string): void {
    const current = this.#turns.named(message);
    if (current === undefined || current.cancelled) return;
    current.cancelled = true;
    const params = { sessionId: current.turn.session };
    this.#send(JSON.stringify({ jsonrpc: '2.0', method: 'session/cancel', params }));
    for (const id of [...current.permissions])
      this.decide(id, 'Cancelled').catch((error: unknown) => this.#unanswered(error));
    this.#turns.giveUpLater(current, () => {
      const silent = 'The agent did not cancel it when asked to, and may still work on it.';
      this.#host.ended(message, { state: 'Failed', reason: 'Cancelled', message: silent, working: true });
    });
  }

  async decide(permission: string, decision: 'Allow' | 'Deny' | 'Cancelled', option?: string): Promise<void> {
    const line = this.#decided.has(permission) ? undefined : answerTo(permission, decision, option);
    if (line === undefined || this.#closed !== undefined) return;
    this.#decided.add(permission);
    const [oldest] = this.#decided;
    if (this.#decided.size > limits.decided && oldest !== undefined) this.#decided.delete(oldest);
    this.#turns.decided(permission);
    await this.#wire.answer(line);
  }

  async routed(): Promise<void> {
    throw new ProtocolError('Unsupported', 'ACP has no questions between agents: they are asked over MCP.');
  }

  async managed(): Promise<void> {
    throw new ProtocolError('Unsupported', 'ACP has no requests to the controller: they are made over MCP.');
  }

  async query(): Promise<unknown> {
    this.#open();
    throw new ProtocolError('Unsupported', 'ACP has no queries: send the agent a message.');
  }

  peers(): void {} // agents ask for them over MCP

  shutdown(): void {} // ACP has no message for this; the signal ends the agent

  closeSession(session: string): void {
    if (this.#closed !== undefined) return;
    this.#sessions?.close(session);
  }

  close(reason: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#handshake?.stop();
    this.#turns.clear();
    this.#requests.close(reason);
  }

  #open(): Sessions {
    if (this.#closed !== undefined) throw new ProtocolError('Closed', this.#closed);
    if (this.#sessions === undefined)
      throw new ProtocolError('Failed', 'The handshake with the agent is not done.');
    return this.#sessions;
  }

  /** Writes an answer that the agent waits for. If it is never written, the run has ended. */
  #answer(line: string): void {
    if (this.#closed !== undefined) return;
    this.#wire.answer(line).catch((error: unknown) => this.#unanswered(error));
  }

  #unanswered(error: unknown): void {
    this.#options.log.debug({ err: error }, 'an answer did not reach the agent');
  }

  #send(line: string): void {
    if (this.#closed !== undefined) return;
    this.#wire.write(line).catch((error: unknown) => {
      this.#options.log.warn({ error: String(error) }, 'a line for the agent could not be written');
    });
  }
}

/** The words of agents whose sessions accept one prompt at a time. */
const busy =
  /\b(session|prompt|turn|agent)\b.{0,40}\b(busy|already (in progress|running|active|being processed))|session_busy/i;

function failure({ code, message }: RpcError, cancelled: boolean): TurnResult {
  if (code === codes.requestCancelled && cancelled) return { state: 'Completed', stopReason: 'cancelled' };
  if (code === codes.sessionBusy || busy.test(message)) return { state: 'Failed', reason: 'Busy', message };
  return { state: 'Failed', reason: code === codes.authRequired ? 'AuthRequired' : 'AgentError', message };
}
