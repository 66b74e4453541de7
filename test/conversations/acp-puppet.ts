import type { FakeAgent, FakeProgram } from '../fakes/stdio.ts';

interface Heard {
  id: unknown;
  method?: string;
  params: {
    sessionId: string;
    prompt: { text: string }[];
    mcpServers?: { url: string; headers: { value: string }[] }[];
  };
  result?: object;
}

/** What is answered to a request; nothing for now where it is undefined. */
type Answer = (request: Heard, self: FakeProgram) => object | undefined;

/** An ACP agent that makes sessions, and else does only what a test tells it. All of its runs, and all instances, are one. */
export class AcpPuppet {
  /** Everything it was sent. */
  readonly heard: Heard[] = [];
  readonly runs: FakeProgram[] = [];
  readonly #answers: Record<string, Answer>;
  readonly #asked = new Map<Heard, FakeProgram>();
  #sessions = 0;

  constructor(answers: Record<string, Answer> = {}) {
    this.#answers = {
      initialize: () => ({ protocolVersion: 1, agentCapabilities: { loadSession: true } }),
      'session/new': () => this.newSession(),
      'session/load': () => ({}),
      ...answers,
    };
  }

  readonly agent: FakeAgent = (self) => {
    this.runs.push(self);
    return (line) => {
      const heard: Heard = JSON.parse(line);
      this.heard.push(heard);
      this.#asked.set(heard, self);
      const result = this.#answers[heard.method ?? '']?.(heard, self);
      if (result !== undefined) this.answer(heard, result);
    };
  };

  newSession(): { sessionId: string } {
    this.#sessions += 1;
    return { sessionId: `s${this.#sessions}` };
  }

  of(method: string): Heard[] {
    return this.heard.filter((one) => one.method === method);
  }

  get prompts(): Heard[] {
    return this.of('session/prompt');
  }

  /** A result, or `{ error }`. */
  answer(request: Heard | undefined, answer: object): void {
    if (request === undefined) throw new Error('it was not asked that yet');
    this.#say(this.#asked.get(request), {
      id: request.id,
      ...('error' in answer ? answer : { result: answer }),
    });
  }

  /** The turn of the newest prompt ends, with these last words. */
  end(text = 'done', stopReason = 'end_turn'): void {
    const last = this.prompts.at(-1);
    if (text !== '') this.update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } });
    if (last !== undefined) this.answer(last, { stopReason });
  }

  /** The newest prompt is answered with an error. */
  refuse(error: object): void {
    const last = this.prompts.at(-1);
    if (last !== undefined) this.#say(this.#asked.get(last), { id: last.id, error });
  }

  /** Says it in the session of the newest prompt. */
  update(update: object): void {
    this.#tell({ method: 'session/update', params: { update } });
  }

  /** Asks for permission to use a tool; `more`: options beside yes and no. */
  ask(id: number, toolCall: object, more: readonly object[] = []): void {
    const options = [
      { optionId: 'y', name: 'yes', kind: 'allow_once' },
      { optionId: 'n', name: 'no', kind: 'reject_once' },
      ...more,
    ];
    this.#tell({ id, method: 'session/request_permission', params: { toolCall, options } });
  }

  /** What it was answered to its own request. */
  told(id: number): (object | undefined)[] {
    return this.heard.filter((one) => one.id === id && one.method === undefined).map(({ result }) => result);
  }

  #tell({ params, ...message }: { params: object; method: string; id?: number }): void {
    const last = this.prompts.at(-1);
    if (last === undefined) throw new Error('it was not sent a prompt yet');
    const { sessionId } = last.params;
    this.#say(this.#asked.get(last), { ...message, params: { sessionId, ...params } });
  }

  #say(self: FakeProgram | undefined, message: object): void {
    self?.say(JSON.stringify({ jsonrpc: '2.0', ...message }));
  }
}
