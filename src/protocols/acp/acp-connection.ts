import type { PromptRequest } from '@agentclientprotocol/sdk';
import { cut } from '../../api/text.ts';
import { limits } from '../limits.ts';
import {
  type Connection,
  type ConnectOptions,
  type Facts,
  type Host,
  ProtocolError,
  type Turn,
  type Wire,
} from '../protocol.ts';
import type { TurnEvent, TurnResult, Usage } from '../turn-events.ts';
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
import { costAndContext, tokens, withRequest } from './acp-usage.ts';
import { readAbilities } from './greeting.ts';
import { Handshake } from './handshake.ts';
import { ownKind } from './own-tools.ts';
import { answerTo, readPermission } from './permission.ts';
import { Sessions } from './sessions.ts';
import { toEvent } from './updates.ts';

/** Characters of a meaningless line that are reported. */
const shown = 500;

export class AcpConnection implements Connection {
  readonly #wire: Wire;
  readonly #host: Host;
  readonly #options: ConnectOptions;
  readonly #requests: Requests;
  readonly #turns: Turns;
  #handshake: Handshake | undefined;
  #sessions: Sessions | undefined;
  #agent: string | undefined;
  #canLoad = false;
  /** The settings that the agent is known to apply. */
  #takes: Facts['controls'] | undefined;
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
    this.#agent = facts.agent?.name;
    this.#canLoad = facts.canResume;
    this.#takes = facts.controls;
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
    this.#drop(current);
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
    const usage = tokens(result, { agent: this.#agent, model });
    if (usage !== undefined) this.#host.usage(message, usage);
    const stopReason = name(result?.stopReason);
    // If a turn ends well, its open calls were carried out. If it was cancelled, nobody knows.
    if (stopReason === 'end_turn') for (const use of current.calls.left()) this.#host.used(message, use);
    this.#host.ended(message, present({ state: 'Completed' as const, stopReason }));
  }

  /** Handles a session/update. Drops history that is replayed while a session is loaded. */
  #updated(params: Fields | undefined): void {
    const session = idOf(params?.sessionId) ?? '';
    const update = fields(params?.update) ?? {};
    this.#requests.heard(session);
    if (update.sessionUpdate === 'config_option_update')
      this.#sessions?.settings.noteOptions(session, update.configOptions);
    if (this.#sessions?.isLoading(session) === true) {
      if (update.sessionUpdate === 'usage_update')
        this.#sessions.noteCost(session, costAndContext(update, undefined)?.cost);
      return;
    }
    const goesOn = this.#turns.of(session);
    const before = this.#turns.before(session);
    const isLate = goesOn === undefined || (before !== undefined && isOf(before, goesOn, update));
    const current = isLate ? before : goesOn;
    if (update.sessionUpdate === 'usage_update') {
      const usage = costAndContext(update, this.#sessions?.settings.model(session));
      if (usage !== undefined && current !== undefined) this.#host.usage(current.turn.message, usage);
      return;
    }
    if (current?.fresh === true) this.#addRequest(current, update);
    const event = toEvent(update);
    if (goesOn !== undefined) goesOn.heard = true;
    if (event === undefined) return;
    if (current === undefined || isLate || current.givenUp) {
      if (event.type === 'tool' && current !== undefined) this.#noteLate(current, event, update);
      this.#host.after(present({ message: current?.turn.message, session }), event);
      return;
    }
    const { message } = current.turn;
    if (event.type === 'tool') {
      this.#tool(current, event, update);
      return;
    }
    if (event.type === 'text' && isNext(current, idOf(update.messageId)))
      this.#host.event(message, { ...event, text: `\n\n${event.text}` });
    else this.#host.event(message, event);
  }

  /**
   * Adds a request to the usage of its turn. Not for a turn that an earlier connection began: some of its requests were
   * reported there, so the sum is unknown.
   */
  #addRequest(current: Current, update: Fields): void {
    const { message, session } = current.turn;
    const about = { agent: this.#agent, model: this.#sessions?.settings.model(session) };
    const sum = withRequest(current.requests, update, about);
    if (sum === undefined) return;
    current.requests = sum;
    this.#host.usage(message, sum);
  }

  #tool(
    { turn, calls, cancelled }: Current,
    event: Extract<TurnEvent, { type: 'tool' }>,
    update: Fields,
  ): void {
    const kind = calls.note(event.id, update);
    this.#host.event(turn.message, event.kind === undefined && kind !== ownKind ? event : { ...event, kind });
    const { status } = event;
    // A call that fails during a cancellation may never have begun.
    const isOver = status === 'completed' || (status === 'failed' && !cancelled);
    const use = isOver ? calls.end(event.id, status) : undefined;
    if (use !== undefined) this.#host.used(turn.message, use);
  }

  /** Also after the end of a turn, tools that are used without asking must be noticed. */
  #noteLate({ turn, calls }: Current, event: Extract<TurnEvent, { type: 'tool' }>, update: Fields): void {
    calls.note(event.id, update);
    const use = event.status === 'completed' ? calls.end(event.id, 'completed') : undefined;
    if (use !== undefined) this.#host.used(turn.message, use);
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
    if (session !== undefined && this.#canLoad) {
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
      if (this.#takes?.[what]?.status === 'True' && settled[what].status === 'False')
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

  #drop(current: Current): void {
    this.#turns.remove(current);
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

/** Whether an update names a call or message of the previous turn, and not of the current one. */
function isOf(before: Current, now: Current, { sessionUpdate, messageId, toolCallId }: Fields): boolean {
  const [text, tool] = [idOf(messageId), idOf(toolCallId)];
  if (sessionUpdate === 'tool_call_update')
    return tool !== undefined && before.calls.has(tool) && !now.calls.has(tool);
  return text !== undefined && before.messageIds.has(text) && !now.messageIds.has(text);
}

/** Whether a text begins another message of the agent. Two messages become two paragraphs. */
function isNext(current: Current, messageId: string | undefined): boolean {
  const before = current.messageId;
  current.messageId = messageId ?? before;
  if (messageId !== undefined && current.messageIds.size < limits.tools) current.messageIds.add(messageId);
  return before !== undefined && messageId !== undefined && before !== messageId;
}

/** The words of agents whose sessions accept one prompt at a time. */
const busy =
  /\b(session|prompt|turn|agent)\b.{0,40}\b(busy|already (in progress|running|active|being processed))|session_busy/i;

function failure({ code, message }: RpcError, cancelled: boolean): TurnResult {
  if (code === codes.requestCancelled && cancelled) return { state: 'Completed', stopReason: 'cancelled' };
  if (code === codes.sessionBusy || busy.test(message)) return { state: 'Failed', reason: 'Busy', message };
  return { state: 'Failed', reason: code === codes.authRequired ? 'AuthRequired' : 'AgentError', message };
}
