import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import type { StreamEntry } from '../client/streams.ts';
import { answer, toApiError } from './answer.ts';
import { allowedKey, ownPath } from './own-group.ts';
import type { Parts } from './parts.ts';
import { flag, number, text } from './query.ts';

const heartbeat = { line: ': still here\n', every: 15_000 };

/** What becomes of messages and conversations. */
export function messageRoutes(app: FastifyInstance, { registry, streams, clock, log, open }: Parts): void {
  app.get(ownPath('messages/:name/stream'), async (request, reply) => {
    const key = allowedKey(request, 'get', 'Message');
    const after = number(request, 'after') ?? lastEventId(request);
    const follow = text(request, 'follow') === undefined || flag(request, 'follow');
    await registry.get('Message', key); // an unknown one is a plain 404
    await open.send(reply, {
      contentType: 'text/event-stream',
      async *lines(signal) {
        for await (const entry of streams.stream(key, { after, follow, signal })) yield serverSent(entry);
      },
      failed: (error) => block('error', toApiError(error, log).toStatus()),
      heartbeat: { ...heartbeat, clock },
    });
  });

  for (const what of ['retry', 'cancel'] as const) {
    app.post(ownPath(`messages/:name/${what}`), async (request, reply) =>
      answer(request, reply, await streams.change(allowedKey(request, 'update', 'Message'), what)),
    );
  }

  app.post(ownPath('conversations/:name/close'), async (request, reply) =>
    answer(request, reply, await streams.closeConversation(allowedKey(request, 'update', 'Conversation'))),
  );
}

/** How a browser's EventSource goes on by itself. */
function lastEventId({ headers }: FastifyRequest): number | undefined {
  const id = headers['last-event-id'];
  if (id === undefined || id === '') return undefined;
  if (typeof id === 'string' && /^\d{1,15}$/.test(id)) return Number(id);
  throw new ApiError('BadRequest', `Last-Event-ID: ${JSON.stringify(id)} is not a whole number`);
}

/** Events of "text/event-stream" (HTML, 9.2.6): `event`, `id` of what has a seq, and JSON in one line of `data`, which is the last. */
function serverSent(entry: StreamEntry): string {
  if ('end' in entry) return block('end', entry.end);
  if ('state' in entry) return block('state', entry);
  return block('event', entry, entry.seq);
}

const block = (event: string, data: object, id?: number): string =>
  `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n`;
