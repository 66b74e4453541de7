import type { Clock } from '../../platform/clock.ts';
import { ProtocolError, type Turn } from '../protocol.ts';
import type { Of } from './said.ts';

export interface InFlight {
  readonly turn: Turn;
  /** The agent was asked to cancel the turn. */
  cancelled: boolean;
  /** The turn has ended for us. Further lines about it are ignored. */
  abandoned: boolean;
}

/**
 * The turns in progress. An agent works on the turns of a conversation one after the other. So a line that names a
 * conversation but no message belongs to its oldest turn, even if that is abandoned.
 */
export class Turns {
  readonly #byMessage = new Map<string, InFlight>();
  readonly #byConversation = new Map<string, InFlight[]>();

  add(turn: Turn): void {
    this.remove(turn.message);
    const one = { turn, cancelled: false, abandoned: false };
    this.#byMessage.set(turn.message, one);
    const queue = this.#byConversation.get(turn.conversation);
    if (queue === undefined) this.#byConversation.set(turn.conversation, [one]);
    else queue.push(one);
  }

  /** Removes an ended turn, and the abandoned turns before it in its conversation. */
  remove(message: string): void {
    const one = this.#byMessage.get(message);
    if (one === undefined) return;
    const { conversation } = one.turn;
    const queue = this.#byConversation.get(conversation) ?? [];
    const at = queue.indexOf(one);
    const rest = queue.filter((other, n) => n > at || (n < at && !other.abandoned));
    for (const other of queue) if (!rest.includes(other)) this.#byMessage.delete(other.turn.message);
    if (rest.length === 0) this.#byConversation.delete(conversation);
    else this.#byConversation.set(conversation, rest);
  }

  named(message: string): InFlight | undefined {
    return this.#byMessage.get(message);
  }

  /** Returns the turn that a line belongs to: by its message, or else by its conversation, or else the only turn. */
  find({ messageId, conversationId }: Of): InFlight | undefined {
    if (messageId !== undefined) return this.#byMessage.get(messageId);
    if (conversationId !== undefined) return this.#byConversation.get(conversationId)?.[0];
    const [only, ...others] = this.#byMessage.values();
    return others.length === 0 ? only : undefined;
  }

  /** Returns the turn on a question of this agent: the one of the conversation, or else the oldest. */
  asked(by: string, conversationId: string | undefined): InFlight | undefined {
    const all = this.#byMessage
      .values()
      .filter(({ turn, abandoned }) => turn.kind === 'Route' && turn.from === by && !abandoned)
      .toArray();
    return all.find(({ turn }) => turn.conversation === conversationId) ?? all[0];
  }

  /** Removes the abandoned turns of a closed conversation. */
  forget(conversation: string): void {
    for (const { turn, abandoned } of this.#byConversation.get(conversation) ?? [])
      if (abandoned) this.remove(turn.message);
  }
}

interface Waiting {
  resolve(data: unknown): void;
  reject(error: ProtocolError): void;
}

/** Queries to the agent that wait for their answer. Each ends once: answered, timed out or closed. */
export class Queries {
  readonly #clock: Clock;
  readonly #epoch: string;
  readonly #waiting = new Map<string, Waiting>();
  #count = 0;

  constructor(clock: Clock, epoch: string) {
    this.#clock = clock;
    this.#epoch = epoch;
  }

  /** Calls `send` with the id of the request. Resolves with the answer. Rejects if `send` rejects. */
  ask(send: (requestId: string) => Promise<void>, timeout: number): Promise<unknown> {
    this.#count += 1;
    const id = `${this.#epoch}.${this.#count}`;
    return new Promise((resolve, reject) => {
      const stop = this.#clock.after(timeout, () => {
        const text = `the agent did not answer the query within ${timeout / 1000}s: check that it handles query lines, or set a longer --timeout`;
        this.#take(id)?.reject(new ProtocolError('Timeout', text));
      });
      this.#waiting.set(id, {
        resolve: (data) => {
          stop();
          resolve(data);
        },
        reject: (error) => {
          stop();
          reject(error);
        },
      });
      send(id).catch((cause: unknown) => {
        const text = 'the query did not reach the agent; repeat it once the agent is Ready';
        this.#take(id)?.reject(new ProtocolError('Closed', text, { cause }));
      });
    });
  }

  /** Handles an answer. Returns whether a query waited for it. */
  answer(id: string, answer: { data: unknown } | { error: string }): boolean {
    const waiting = this.#take(id);
    if (waiting === undefined) return false;
    if ('data' in answer) waiting.resolve(answer.data);
    else waiting.reject(new ProtocolError('Failed', answer.error));
    return true;
  }

  close(reason: string): void {
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(new ProtocolError('Closed', reason));
  }

  #take(id: string): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }
}
