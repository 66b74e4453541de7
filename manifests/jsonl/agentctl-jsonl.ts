/**
 * A worker for agentctl's line protocol (schemas/jsonl/README.md). Node 22.18 or later runs it as it is; it needs nothing else.
 *
 *     import { Agent } from './agentctl-jsonl.ts';
 *
 *     const agent = new Agent({ remember: 'done.jsonl' });
 *     agent.onChat((turn) => turn.text(`You said: ${turn.message}`));
 *     agent.run();
 *
 * Turns of one conversation are worked on one after the other, those of several at once. What a handler returns, if it is
 * a text, is the end of the answer; an error fails the turn. console.log goes to standard error, since standard output
 * belongs to the protocol.
 */
import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  truncateSync,
} from 'node:fs';
import { createInterface } from 'node:readline';

export interface Peer {
  id: string;
  model: string;
  identity: string;
  capabilities: string[];
}

export interface Usage {
  model?: string;
  inputTokens?: number;
  outputTokens?: number;
  totalTokens?: number;
  cachedReadTokens?: number;
  cost?: { amount: number; currency: string };
}

export interface ToolCall {
  id: string;
  title?: string;
  kind?: string;
  status?: 'pending' | 'in_progress' | 'completed' | 'failed';
  output?: string;
}

interface Line {
  type: string;
  [field: string]: unknown;
}
type Handler = (turn: Turn) => unknown;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** One message. */
export class Turn {
  readonly id: string;
  readonly conversation: string;
  /** Who sent it. */
  readonly from: string;
  /** Whether that is another agent. */
  readonly isRoute: boolean;
  readonly message: string;
  /** Aborts when the turn is cancelled. It has ended then, and what it says goes nowhere; stop working on it. */
  readonly signal: AbortSignal;
  /** The text so far. */
  answer = '';
  readonly #abort = new AbortController();
  readonly #agent: Agent;
  #over = false;
  #asked = 0;

  constructor(agent: Agent, line: Line) {
    this.#agent = agent;
    this.id = text(line.messageId);
    this.conversation = text(line.conversationId);
    this.from = text(line.fromId);
    this.message = text(line.message);
    this.isRoute = line.type === 'route';
    this.signal = this.#abort.signal;
  }

  event(event: object): void {
    if (!this.#over)
      this.#agent.send('event', { messageId: this.id, conversationId: this.conversation, event });
  }

  /** A piece of the answer. */
  text(piece: string): void {
    this.answer += piece;
    this.event({ type: 'text', text: piece });
  }

  thought(piece: string): void {
    this.event({ type: 'thought', text: piece });
  }

  /** A tool call begins or changes. */
  tool(call: ToolCall): void {
    this.event({ type: 'tool', ...call });
  }

  /** What was used; leave out what you do not know. */
  usage(usage: Usage): void {
    this.#agent.send('usage', { messageId: this.id, ...usage });
  }

  /** Asks another agent. Rejects where there is no answer, or the turn is cancelled. */
  async ask(agent: string, message: string): Promise<string> {
    // Counted, so that it is the same request when the turn is done again after a crash.
    this.#asked += 1;
    const requestId = `${this.id}.${this.#asked}`;
    const of = { messageId: this.id, conversationId: this.conversation };
    const answer = this.#agent.request('route_request', requestId, { toId: agent, message, ...of });
    const cancelled = new Promise<never>((_, reject) => {
      this.signal.addEventListener('abort', () => reject(new Error('the turn was cancelled')), {
        once: true,
      });
    });
    return text(await Promise.race([answer, cancelled]));
  }

  /** Once; for Agent. */
  end(type: 'chat_done' | 'route_done' | 'error', fields: object): void {
    if (this.#over) return;
    this.#over = true;
    this.#agent.send(type, { messageId: this.id, ...fields });
  }

  /** For Agent. */
  cancel(): void {
    this.end('error', { error: 'the turn was cancelled' });
    this.#abort.abort();
  }
}

export class Agent {
  /** Whom it can ask. */
  peers: Peer[] = [];
  readonly #name: string;
  readonly #remember: string | undefined;
  readonly #done: Map<string, string>;
  readonly #turns = new Map<string, Turn>();
  /** By conversation: ends when all of its turns have. */
  readonly #last = new Map<string, Promise<void>>();
  readonly #waiting = new Map<string, (line: Line) => void>();
  /** Answers to requests of an earlier run, which may be made again. */
  readonly #early = new Map<string, Line>();
  readonly #queries = new Map<string, (params: unknown) => unknown>();
  #handler: Handler = () => {};

  /** `remember`: a file for the answers of messages that are done, so that one that comes again is not done again. */
  constructor({ name = 'node', remember }: { name?: string; remember?: string } = {}) {
    this.#name = name;
    this.#remember = remember;
    this.#done = remember === undefined ? new Map() : readDone(remember);
    console.log = console.error;
    // Half a line may stand there. A new process begins anew.
    process.stdout.on('error', (error) => {
      console.error(error);
      process.exit(74); // EX_IOERR
    });
  }

  /** Called with each turn, of people and of other agents. */
  onChat(handler: Handler): void {
    this.#handler = handler;
  }

  /** Called with the query's params; what it returns is the answer. */
  onQuery(action: string, handler: (params: unknown) => unknown): void {
    this.#queries.set(action, handler);
  }

  /** spawn (name, content), stop, start, remove (targetId), list. Rejects where it is refused. */
  manage(action: string, fields: object = {}): Promise<unknown> {
    return this.request('mgmt_request', randomUUID(), { ...fields, action });
  }

  background(
    event: object,
    { source = 'worker', conversation }: { source?: string; conversation?: string } = {},
  ): void {
    this.send('bg_event', { source, conversationId: conversation, event });
  }

  /** Reads until agentctl says shutdown, or standard input has ended and all is answered. */
  run(): void {
    this.send('ready', { agent: { name: this.#name }, cancel: true });
    const lines = createInterface({ input: process.stdin });
    lines.on('line', (line) => {
      if (line.trim() === '') return;
      try {
        this.#take(JSON.parse(line));
      } catch (error) {
        console.error(error);
      }
    });
  }

  /** For what the functions above have no word for. */
  send(type: string, fields: object): void {
    process.stdout.write(`${JSON.stringify({ type, ...fields })}\n`);
  }

  request(type: string, requestId: string, fields: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const take = ({ response, error }: Line): void => {
        if (typeof error === 'string') reject(new Error(error));
        else resolve(response);
      };
      const early = this.#early.get(requestId);
      if (early !== undefined) {
        this.#early.delete(requestId);
        take(early);
        return;
      }
      this.#waiting.set(requestId, take);
      this.send(type, { requestId, ...fields });
    });
  }

  #take(line: Line): void {
    switch (line.type) {
      case 'chat':
      case 'route':
        this.#begin(new Turn(this, line));
        break;
      case 'route_response':
      case 'mgmt_response': {
        const id = text(line.requestId);
        const waiting = this.#waiting.get(id);
        if (waiting === undefined) this.#early.set(id, line);
        this.#waiting.delete(id);
        waiting?.(line);
        break;
      }
      case 'query':
        void this.#answer(line);
        break;
      case 'peers_update':
        this.peers = line.peers as Peer[]; // as agentctl writes it
        break;
      case 'cancel':
        this.#turns.get(text(line.messageId))?.cancel();
        break;
      case 'shutdown':
        process.exit(0);
    }
  }

  #begin(turn: Turn): void {
    this.send('ack', { messageId: turn.id });
    if (this.#turns.has(turn.id)) return; // it came twice, and is being worked on
    this.#turns.set(turn.id, turn);
    const before = this.#last.get(turn.conversation) ?? Promise.resolve();
    const work = before
      .then(() => this.#work(turn))
      .catch((error: unknown) =>
        turn.end('error', { error: error instanceof Error ? error.message : String(error) }),
      )
      .finally(() => {
        this.#turns.delete(turn.id);
        if (this.#last.get(turn.conversation) === work) this.#last.delete(turn.conversation);
      });
    this.#last.set(turn.conversation, work);
  }

  async #work(turn: Turn): Promise<void> {
    const known = this.#done.get(turn.id);
    if (known !== undefined) turn.text(known);
    else if (!turn.signal.aborted) {
      const rest = await this.#handler(turn);
      if (typeof rest === 'string') turn.text(rest);
      if (!turn.signal.aborted) this.#keep(turn);
    }
    if (turn.isRoute) turn.end('route_done', { requestId: turn.id, response: turn.answer });
    else turn.end('chat_done', { conversationId: turn.conversation });
  }

  #keep({ id, answer }: Turn): void {
    if (this.#remember === undefined) return;
    const file = openSync(this.#remember, 'a');
    const { size } = fstatSync(file);
    try {
      appendFileSync(file, `${JSON.stringify([id, answer])}\n`);
      fsyncSync(file);
    } catch (error) {
      ftruncateSync(file, size); // the next line must not stand behind half of this one
      throw error;
    } finally {
      closeSync(file);
    }
    this.#done.set(id, answer);
  }

  async #answer({ requestId, action, params }: Line): Promise<void> {
    try {
      const handler = this.#queries.get(text(action));
      if (handler === undefined)
        throw new Error(
          `there is no query ${action} here; there are: ${[...this.#queries.keys()].join(', ')}`,
        );
      this.send('query_response', { requestId, data: (await handler(params)) ?? null });
    } catch (error) {
      this.send('query_response', {
        requestId,
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }
}

/** What is done, by its id. A last line that a crash cut short is cut off. */
function readDone(path: string): Map<string, string> {
  if (!existsSync(path)) return new Map();
  const bytes = readFileSync(path);
  const end = bytes.lastIndexOf(10) + 1;
  truncateSync(path, end);
  const lines = bytes.subarray(0, end).toString().split('\n').slice(0, -1);
  return new Map(lines.map((line) => JSON.parse(line)));
}
