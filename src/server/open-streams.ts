import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Clock } from '../platform/clock.ts';

export interface Endless {
  contentType: string;
  /** Ends, in its own time, when the signal aborts. */
  lines(signal: AbortSignal): AsyncIterable<string>;
  /** What is left to tell of a failure in between. */
  failed(error: unknown): string;
  /** A line that says each so many milliseconds that the server is still there. */
  heartbeat?: { line: string; every: number; clock: Clock };
}

/** The answers that have no end of their own; they are ended when the server closes. */
export class OpenStreams {
  readonly #open = new Set<AbortController>();

  /**
   * Sends the lines until they end, the client goes away, or the server closes; then the signal aborts. A client that
   * reads slowly is waited for.
   */
  async send(reply: FastifyReply, { contentType, lines, failed, heartbeat }: Endless): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    reply.hijack();
    const { raw } = reply;
    this.#open.add(controller);
    for (const event of ['close', 'error']) raw.on(event, () => controller.abort());
    if (raw.destroyed) controller.abort(); // it went before anybody listened
    raw.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-cache, private' });
    raw.flushHeaders();
    const still = heartbeat === undefined ? undefined : beat(raw, heartbeat);
    try {
      for await (const line of lines(signal)) {
        if (signal.aborted) break;
        if (!raw.write(`${line}\n`)) await drained(raw, signal);
      }
    } catch (error) {
      if (!signal.aborted) raw.write(`${failed(error)}\n`);
    } finally {
      still?.();
      this.#open.delete(controller);
      controller.abort();
      raw.end();
    }
  }

  end(): void {
    for (const controller of this.#open) controller.abort();
  }
}

/** Answers how to end it. Where the client has not read what came before, it needs no more. */
function beat(raw: ServerResponse, heartbeat: NonNullable<Endless['heartbeat']>): () => void {
  const { line, every, clock } = heartbeat;
  const next = (): void => {
    if (!raw.writableNeedDrain) raw.write(`${line}\n`);
    cancel = clock.after(every, next);
  };
  let cancel = clock.after(every, next);
  return () => cancel();
}

function drained(raw: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      raw.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    raw.on('drain', done);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
