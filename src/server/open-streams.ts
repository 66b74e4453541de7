import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

/** The answers that have no end of their own; they are ended when the server closes. */
export class OpenStreams {
  readonly #open = new Set<AbortController>();

  /**
   * Sends the lines that `make` gives until they end, the client goes away, or the server closes; then the signal aborts.
   * A client that reads slowly is waited for. `failed` says what is left to tell of a failure in between.
   */
  async send(
    reply: FastifyReply,
    contentType: string,
    make: (signal: AbortSignal) => AsyncIterable<string>,
    failed: (error: unknown) => string,
  ): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    reply.hijack();
    const { raw } = reply;
    this.#open.add(controller);
    for (const event of ['close', 'error']) raw.on(event, () => controller.abort());
    raw.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-cache, private' });
    raw.flushHeaders();
    try {
      for await (const line of make(signal)) {
        if (signal.aborted) break;
        if (!raw.write(`${line}\n`)) await drained(raw, signal);
      }
    } catch (error) {
      if (!signal.aborted) raw.write(`${failed(error)}\n`);
    } finally {
      this.#open.delete(controller);
      controller.abort();
      raw.end();
    }
  }

  end(): void {
    for (const controller of this.#open) controller.abort();
  }
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
