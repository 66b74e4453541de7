import type { Clock } from '../../platform/clock.ts';
import { ProtocolError } from '../protocol.ts';

interface Waiting {
  resolve(data: unknown): void;
  reject(error: ProtocolError): void;
}

/** Questions to the agent that wait for their answer. Each ends once: answered, timed out, or closed. */
export class Queries {
  readonly #clock: Clock;
  readonly #epoch: string;
  readonly #waiting = new Map<string, Waiting>();
  #count = 0;

  constructor(clock: Clock, epoch: string) {
    this.#clock = clock;
    this.#epoch = epoch;
  }

  /** `send` is called with the id of the request; where it rejects, the query does. */
  ask(send: (requestId: string) => Promise<void>, timeout: number): Promise<unknown> {
    this.#count += 1;
    const id = `${this.#epoch}.${this.#count}`;
    return new Promise((resolve, reject) => {
      const stop = this.#clock.after(timeout, () => {
        const text = `the agent has not answered within ${timeout / 1000}s; ask again with a longer timeout`;
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
        const text = 'the question did not reach the agent; ask again once it is Ready';
        this.#take(id)?.reject(new ProtocolError('Closed', text, { cause }));
      });
    });
  }

  /** Whether anybody waits for it. */
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
