import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { isObject, type JsonObject } from '../api/json.ts';
import { kindInfo } from '../api/kinds.ts';
import { nearest } from '../api/text.ts';
import { tryDuration } from '../api/time.ts';
import type { MessageApi, NewMessage, StreamEntry } from '../client/streams.ts';
import { answer, toApiError } from './answer.ts';
import { flag, number, type ServerDeps, text, time } from './kind-request.ts';
import { hasBody, objectBody } from './request-body.ts';
import { allow, allowedKey, ownPath, ownRoot, personOf } from './subresource-routes.ts';

const heartbeat = { line: ': still here\n', every: 15_000 };

type Common = Pick<ServerDeps, 'registry' | 'clock' | 'log' | 'open'>;

export function messageRoutes(app: FastifyInstance, messages: MessageApi, common: Common): void {
  agentRoutes(app, messages);
  progressRoutes(app, messages, common);
  approvalRoutes(app, messages);
}

/** The progress of messages and conversations. */
function progressRoutes(app: FastifyInstance, messages: MessageApi, common: Common): void {
  const { registry, clock, log, open } = common;
  app.get(ownPath('messages/:name/stream'), async (request, reply) => {
    const key = allowedKey(request, 'get', 'Message');
    const after = number(request, 'after') ?? lastEventId(request);
    const follow = text(request, 'follow') === undefined || flag(request, 'follow');
    await registry.get('Message', key); // answers a plain 404 if there is none
    await open.send(reply, {
      contentType: 'text/event-stream',
      async *lines(signal) {
        for await (const entry of messages.stream(key, { after, follow, signal })) yield serverSent(entry);
      },
      failed: (error) => block('error', toApiError(error, log).toStatus()),
      heartbeat: { ...heartbeat, clock },
    });
  });

  for (const what of ['retry', 'cancel'] as const) {
    app.post(ownPath(`messages/:name/${what}`), async (request, reply) =>
      answer(request, reply, await messages.change(allowedKey(request, 'update', 'Message'), what)),
    );
  }

  app.post(ownPath('conversations/:name/close'), async (request, reply) =>
    answer(request, reply, await messages.closeConversation(allowedKey(request, 'update', 'Conversation'))),
  );
}

/** A browser's EventSource sends this header to resume. */
function lastEventId({ headers }: FastifyRequest): number | undefined {
  const id = headers['last-event-id'];
  if (id === undefined || id === '') return undefined;
  if (typeof id === 'string' && /^\d{1,15}$/.test(id)) return Number(id);
  throw new ApiError('BadRequest', `Last-Event-ID: ${JSON.stringify(id)} is not a whole number`);
}

/**
 * Formats an event as "text/event-stream" (HTML, 9.2.6): `event`, an `id` if it has a seq, and last one line of `data`
 * with JSON.
 */
function serverSent(entry: StreamEntry): string {
  if ('end' in entry) return block('end', entry.end);
  if ('state' in entry) return block('state', entry);
  return block('event', entry, entry.seq);
}

const block = (event: string, data: object, id?: number): string =>
  `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n`;

/** Messages to an Agent, which are journaled, queries, which are not, and the usage of its turns. */
function agentRoutes(app: FastifyInstance, messages: MessageApi): void {
  app.post(ownPath('agents/:name/messages'), { bodyLimit: messageBodyLimit }, async (request, reply) => {
    const key = allowedKey(request, 'create', 'Message');
    const sent = newMessages(objectBody(request), (named) => personOf(request, named));
    const items = await messages.send(key, sent);
    const { apiVersion } = kindInfo('Message');
    return answer(request, reply, { kind: 'MessageList', apiVersion, metadata: {}, items }, 201);
  });

  app.get(ownPath('agents/:name/usage'), async (request, reply) => {
    const since = time(request, 'since');
    const items = await messages.usage(allowedKey(request, 'get', 'Agent'), { since });
    return answer(request, reply, { items });
  });

  for (const path of [ownPath('usages'), `${ownRoot}/usages`])
    app.get(path, async (request, reply) => {
      allow(request, 'list', 'Agent');
      const { namespace } = request.params as { namespace?: string }; // as the paths name it
      const items = await messages.usageByAgent({ namespace, since: time(request, 'since') });
      return answer(request, reply, { items });
    });

  app.post(ownPath('agents/:name/query'), async (request, reply) => {
    const key = allowedKey(request, 'create', 'Message');
    const { action, params, timeoutSeconds } = objectBody(request);
    if (typeof action !== 'string' || action === '')
      throw new ApiError('BadRequest', 'action: expected the name of the query, as a string');
    const timeout = milliseconds(timeoutSeconds);
    return answer(request, reply, { result: await messages.query(key, { action, params, timeout }) });
  });
}

/** In seconds. */
const longestTimeout = 24 * 60 * 60;

function milliseconds(seconds: unknown): number | undefined {
  if (seconds === undefined) return undefined;
  if (typeof seconds === 'number' && seconds > 0 && seconds <= longestTimeout) return seconds * 1000;
  throw new ApiError('BadRequest', `timeoutSeconds: expected a number above 0, up to ${longestTimeout}`);
}

/** In characters. */
const longestOption = 512;

function approvalRoutes(app: FastifyInstance, messages: MessageApi): void {
  for (const decision of ['approve', 'deny'] as const) {
    app.post(ownPath(`approvals/:name/${decision}`), async (request, reply) => {
      const key = allowedKey(request, 'update', 'Approval');
      const { by, option } = hasBody(request) ? objectBody(request) : {};
      const how = {
        by: personOf(request, word(by, 'by')),
        option: word(option, 'option', longestOption),
      };
      return answer(request, reply, await messages.decide(key, decision, how));
    });
  }
}

/** In bytes of UTF-8. */
const longestText = 4 * 1024 * 1024;
/** The longest text if JSON escapes each byte as six, with some reserve. */
const messageBodyLimit = 6 * longestText + 64 * 1024;
/** In characters. */
const longestWord = 253;

/** Returns the sender of a message whose client named this sender. */
type SenderOf = (named: string | undefined) => string;

/** Returns the messages of a body with one message, or with several under `items`. */
function newMessages(body: JsonObject, senderOf: SenderOf): NewMessage[] {
  if (body.items === undefined) return [newMessage(body, '', senderOf)];
  if (!Array.isArray(body.items)) throw new ApiError('BadRequest', 'items: expected a list of messages');
  refuseUnknown(body, ['items', 'apiVersion', 'kind', 'metadata'], '');
  return body.items.map((item, at) => newMessage(item, `items[${at}].`, senderOf));
}

function newMessage(item: unknown, path: string, senderOf: SenderOf): NewMessage {
  if (!isObject(item)) throw new ApiError('BadRequest', `${path.slice(0, -1)}: expected an object with text`);
  refuseUnknown(item, ['text', 'conversation', 'key', 'from', 'timeout'], path);
  return {
    text: textOf(item.text, `${path}text`),
    conversation: word(item.conversation, `${path}conversation`),
    key: word(item.key, `${path}key`),
    from: senderOf(word(item.from, `${path}from`)),
    timeout: durationOf(item.timeout, `${path}timeout`),
  };
}

function refuseUnknown(object: JsonObject, known: readonly string[], path: string): void {
  const unknown = Object.keys(object).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const meant = nearest(unknown, known);
  const hint = meant === undefined ? `expected ${known.join(', ')}` : `did you mean ${meant}?`;
  throw new ApiError('BadRequest', `unknown field ${JSON.stringify(path + unknown)}: ${hint}`);
}

function textOf(value: unknown, path: string): string {
  if (typeof value !== 'string' || value === '')
    throw new ApiError('BadRequest', `${path}: expected the message text, as a string`);
  const bytes = Buffer.byteLength(value);
  if (bytes <= longestText) return value;
  throw new ApiError(
    'RequestEntityTooLarge',
    `${path}: found ${bytes} bytes, expected at most ${longestText}: put the text in a file that the agent can read, and send its path`,
  );
}

function word(value: unknown, path: string, longest = longestWord): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value !== '' && value.length <= longest) return value;
  throw new ApiError('BadRequest', `${path}: expected a string of 1 to ${longest} characters`);
}

function durationOf(value: unknown, path: string): number | undefined {
  if (value === undefined) return undefined;
  const span = typeof value === 'string' ? tryDuration(value) : undefined;
  if (span !== undefined && span > 0) return span;
  throw new ApiError('BadRequest', `${path}: expected a duration, such as 90s or 15m`);
}
