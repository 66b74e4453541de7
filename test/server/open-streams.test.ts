import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyReply } from 'fastify';
import { expect, test } from 'vitest';
import { OpenStreams } from '../../src/server/open-streams.ts';

test('nothing is held for a client that went before its stream began', async () => {
  const streams = new OpenStreams();
  let aborted: boolean | undefined;
  const served = Promise.withResolvers<void>();
  const server = createServer((_, raw) => {
    // As where a handler takes its time.
    raw.on('close', () => {
      const reply: Partial<FastifyReply> = { raw, hijack: () => reply as FastifyReply };
      const sent = streams.send(reply as FastifyReply, {
        contentType: 'text/plain',
        // One that never says a word.
        async *lines(signal) {
          aborted = signal.aborted;
          if (!aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
        },
        failed: String,
      });
      sent.then(served.resolve, served.reject);
    });
    client.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const client = get({ port, host: '127.0.0.1' }).on('error', () => {}); // it is what goes away
  await served.promise;
  expect(aborted).toBe(true);
  server.close();
});
