/** Two agents for crashes: they note what they do as a disk would, and can be killed before each of their steps. */
import type { FakeAgent, FakeProgram } from '../fakes/stdio.ts';

/** What agents do in all of their runs. A message says `task N`. */
export class Ledger {
  /** How often each task's side effect was done. */
  readonly effects = new Map<number, number>();
  /** Tasks in the order in which they were first begun. */
  readonly begun: number[] = [];
  /** Answers that a worker of the line protocol has kept, by message. */
  readonly kept = new Map<string, string>();
  readonly sessions = new Set<string>();
  /** Calls to step() until the agent that makes it is killed. */
  killIn = Number.POSITIVE_INFINITY;
  kills = 0;
  #session = 0;

  /** Whether the program still lives, and is not killed here. */
  async step(self: FakeProgram): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve));
    if (self.ended()) return false;
    this.killIn -= 1;
    if (this.killIn > 0) return true;
    this.killIn = Number.POSITIVE_INFINITY;
    this.kills += 1;
    self.end(137);
    return false;
  }

  begin(task: number): void {
    if (!this.begun.includes(task)) this.begun.push(task);
  }

  effect(task: number): void {
    this.effects.set(task, (this.effects.get(task) ?? 0) + 1);
  }

  newSession(): string {
    this.#session += 1;
    const session = `s${this.#session}`;
    this.sessions.add(session);
    return session;
  }
}

const taskOf = (text: string): number => Number(/task (\d+)/.exec(text)?.[1]);
const line = (fields: object): string => JSON.stringify(fields);

/** A worker that does no message twice: it keeps what it has done. */
export const jsonlWorker =
  (ledger: Ledger): FakeAgent =>
  (self) => {
    const step = (): Promise<boolean> => ledger.step(self);
    const inFlight = new Set<string>();
    self.say(line({ type: 'ready', cancel: false }));
    const work = async ({ messageId, conversationId, message }: Record<string, string>): Promise<void> => {
      const of = { messageId, conversationId };
      const event = (fields: object): void => self.say(line({ type: 'event', ...of, event: fields }));
      const task = taskOf(message ?? '');
      if (!(await step())) return;
      self.say(line({ type: 'ack', messageId }));
      if (inFlight.has(messageId ?? '')) return;
      inFlight.add(messageId ?? '');
      const kept = ledger.kept.get(messageId ?? '');
      if (kept === undefined) {
        ledger.begin(task);
        if (!(await step())) return;
        event({ type: 'text', text: `a${task} ` });
        if (!(await step())) return;
        event({
          type: 'tool',
          id: `t-${messageId}`,
          title: 'effect',
          kind: 'execute',
          status: 'in_progress',
        });
        if (!(await step())) return;
        ledger.effect(task);
        ledger.kept.set(messageId ?? '', `a${task} b${task}`);
        if (!(await step())) return;
        event({ type: 'tool', id: `t-${messageId}`, status: 'completed' });
        if (!(await step())) return;
        event({ type: 'text', text: `b${task}` });
      } else event({ type: 'text', text: kept });
      if (!(await step())) return;
      inFlight.delete(messageId ?? '');
      self.say(line({ type: 'chat_done', ...of }));
      await step();
    };
    return (text) => {
      const said = JSON.parse(text);
      if (said.type === 'chat') void work(said);
    };
  };

/** An ACP agent that looks up whether its effect is done only where it is told that its turn was interrupted. */
export const acpAgent =
  (ledger: Ledger): FakeAgent =>
  (self) => {
    const step = (): Promise<boolean> => ledger.step(self);
    const open = new Set<string>();
    const cancelled = new Set<string>();
    const result = (id: string, value: object): void => self.say(line({ jsonrpc: '2.0', id, result: value }));
    const update = (sessionId: string, fields: object): void =>
      self.say(line({ jsonrpc: '2.0', method: 'session/update', params: { sessionId, update: fields } }));
    const chunk = (session: string, text: string): void =>
      update(session, { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } });

    const prompt = async (id: string, session: string, text: string): Promise<void> => {
      const task = taskOf(text);
      cancelled.delete(session);
      const stopped = (): boolean => {
        if (!cancelled.delete(session)) return false;
        result(id, { stopReason: 'cancelled' });
        return true;
      };
      const toolCallId = `t-${id}`;
      if (!(await step()) || stopped()) return;
      ledger.begin(task);
      chunk(session, `a${task} `);
      if (!(await step()) || stopped()) return;
      update(session, {
        sessionUpdate: 'tool_call',
        toolCallId,
        title: 'effect',
        kind: 'execute',
        status: 'in_progress',
      });
      if (!(await step()) || stopped()) return;
      const done = /interrupted/.test(text) && ledger.effects.has(task);
      if (!done) ledger.effect(task);
      if (!(await step()) || stopped()) return;
      update(session, { sessionUpdate: 'tool_call_update', toolCallId, status: 'completed' });
      if (!(await step()) || stopped()) return;
      chunk(session, `b${task}`);
      if (!(await step()) || stopped()) return;
      result(id, { stopReason: 'end_turn' });
      await step();
    };

    const answer = async (id: string, method: string, params: Record<string, string>): Promise<void> => {
      if (!(await step())) return;
      const { sessionId = '' } = params;
      if (method === 'initialize')
        return result(id, { protocolVersion: 1, agentCapabilities: { loadSession: true } });
      if (method === 'session/new') {
        const session = ledger.newSession();
        open.add(session);
        return result(id, { sessionId: session });
      }
      if (method === 'session/load' && ledger.sessions.has(sessionId)) {
        open.add(sessionId);
        return result(id, {});
      }
      self.say(line({ jsonrpc: '2.0', id, error: { code: -32002, message: `no ${sessionId || method}` } }));
    };

    return (text) => {
      const { id, method, params } = JSON.parse(text);
      if (method === 'session/cancel') cancelled.add(params.sessionId);
      else if (method === 'session/prompt' && open.has(params.sessionId))
        void prompt(id, params.sessionId, params.prompt.at(-1).text);
      else if (id !== undefined && method !== undefined) void answer(id, method, params);
    };
  };
