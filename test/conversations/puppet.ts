import type { FakeAgent, FakeProgram } from '../fakes/stdio.ts';

interface Heard {
  type?: string;
  messageId: string;
  conversationId: string;
  requestId: string;
  message: string;
  fromId: string;
  response?: string;
  error?: string;
  peers: { id: string }[];
}

/** A worker of the line protocol that does only what a test tells it. All of its runs, and all instances, are one. */
export class Puppet {
  /** Everything it was sent. */
  readonly heard: Heard[] = [];
  /** The run of each instance's newest start, in order of their starts. */
  readonly runs: FakeProgram[] = [];
  readonly #ready: boolean;
  readonly #says: object;
  /** Which run was sent each message. */
  readonly #has = new Map<string, FakeProgram>();

  /** `says`: what it adds to `ready`. */
  constructor({ ready = true, says = {} }: { ready?: boolean; says?: object } = {}) {
    this.#ready = ready;
    this.#says = says;
  }

  readonly agent: FakeAgent = (self) => {
    this.runs.push(self);
    if (this.#ready) self.say(JSON.stringify({ type: 'ready', ...this.#says }));
    return (line) => {
      const heard: Heard = JSON.parse(line);
      this.heard.push(heard);
      if (heard.messageId !== undefined) this.#has.set(heard.messageId, self);
    };
  };

  of(type: string): Heard[] {
    return this.heard.filter((one) => one.type === type);
  }

  /** The chats and questions that it was sent. */
  get turns(): Heard[] {
    return this.heard.filter(({ type }) => type === 'chat' || type === 'route');
  }

  /** Says it in the run that was sent the message. */
  say(messageId: string, ...lines: { type: string; [field: string]: unknown }[]): void {
    this.run(messageId).say(...lines.map((line) => JSON.stringify({ messageId, ...line })));
  }

  text(messageId: string, text: string): void {
    this.say(messageId, { type: 'event', event: { type: 'text', text } });
  }

  done(messageId: string, text = ''): void {
    if (text !== '') this.text(messageId, text);
    this.say(messageId, { type: 'chat_done' });
  }

  run(messageId: string): FakeProgram {
    const run = this.#has.get(messageId);
    if (run === undefined) throw new Error(`it was not sent ${messageId}`);
    return run;
  }
}
