import type { Turn } from '../../src/protocols/protocol.ts';
import type { FakeAgent } from '../contracts/protocol.ts';

interface Line {
  id?: string;
  method?: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a test looks at is the test's affair
  params?: any;
}

/** An answer to one method in place of the usual one: a result, or an error. */
export type Answers = Readonly<
  Record<string, (params: Line['params']) => { result: unknown } | { error: object } | undefined>
>;

/** An ACP agent that answers each request at once, but session/prompt: that ends by a line of the test. */
export class FakeAcpAgent implements FakeAgent {
  readonly asked: string[] = [];
  readonly cancelled: string[] = [];
  /** All lines that it was sent. */
  readonly lines: Line[] = [];
  readonly answers: Answers;
  #sessions = 0;

  constructor(answers: Answers = {}) {
    this.answers = answers;
  }

  greeting(): string[] {
    return [];
  }

  takes(line: string): string[] {
    const message: Line = JSON.parse(line);
    this.lines.push(message);
    const { id, method = '', params } = message;
    if (method === 'session/cancel') this.cancelled.push(params.sessionId);
    if (method === 'session/prompt') this.asked.push(params.prompt.at(-1).text);
    if (id === undefined || method === '' || method === 'session/prompt') return [];
    const answer = this.answers[method] === undefined ? this.#usual(method) : this.answers[method](params);
    return answer === undefined ? [] : [JSON.stringify({ jsonrpc: '2.0', id, ...answer })];
  }

  #usual(method: string): { result: unknown } | { error: object } {
    switch (method) {
      case 'initialize':
        return {
          result: { protocolVersion: 1, agentCapabilities: {}, agentInfo: { name: 'fake', version: '1' } },
        };
      case 'session/new':
        this.#sessions += 1;
        return { result: { sessionId: `s${this.#sessions}` } };
      case 'session/load':
      case 'session/resume':
      case 'session/close':
      case 'authenticate':
        return { result: {} };
      default:
        return { error: { code: -32601, message: `no method ${method}` } };
    }
  }

  /** Lines of one method. */
  sent(method: string): Line[] {
    return this.lines.filter((line) => line.method === method);
  }

  update(turn: { session: string }, update: object): string {
    return notification('session/update', { sessionId: turn.session, update });
  }

  text(draft: Turn, text: string, messageId?: string): string {
    return this.update(draft, {
      sessionUpdate: 'agent_message_chunk',
      content: { type: 'text', text },
      messageId,
    });
  }

  thought(draft: Turn, text: string): string {
    return this.update(draft, { sessionUpdate: 'agent_thought_chunk', content: { type: 'text', text } });
  }

  tool(draft: Turn, tool: Parameters<FakeAgent['tool']>[1]): string {
    const { id, ...rest } = tool;
    return this.update(draft, { sessionUpdate: 'tool_call', toolCallId: id, ...rest });
  }

  usage(draft: Turn, tokens: number): string {
    return this.update(draft, { sessionUpdate: 'usage_update', used: tokens, size: 200_000 });
  }

  ends(draft: Turn, result: object = {}): string {
    return answer(draft, { result: { stopReason: 'end_turn', ...result } });
  }

  fails(draft: Turn, why: string, code = -32603): string {
    return answer(draft, { error: { code, message: why } });
  }

  asks(draft: Turn, id: unknown, toolCall: object, options: readonly object[] = usualOptions): string {
    const params = { sessionId: draft.session, toolCall, options };
    return JSON.stringify({ jsonrpc: '2.0', id, method: 'session/request_permission', params });
  }
}

const usualOptions = [
  { optionId: 'always', name: 'Always', kind: 'allow_always' },
  { optionId: 'once', name: 'Once', kind: 'allow_once' },
  { optionId: 'never', name: 'Never', kind: 'reject_always' },
  { optionId: 'no', name: 'No', kind: 'reject_once' },
];

const notification = (method: string, params: object): string =>
  JSON.stringify({ jsonrpc: '2.0', method, params });

const answer = ({ message, attempt }: Turn, body: object): string =>
  JSON.stringify({ jsonrpc: '2.0', id: `turn/${message}/${attempt}`, ...body });
