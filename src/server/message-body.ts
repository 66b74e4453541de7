import { ApiError } from '../api/errors.ts';
import { nearest } from '../api/nearest.ts';
import { isObject, type JsonObject } from '../api/schema.ts';
import { tryDuration } from '../api/time.ts';
import type { NewMessage } from '../client/streams.ts';

/** In bytes of UTF-8. */
const longestText = 4 * 1024 * 1024;
/** The longest text if JSON escapes each byte as six, with some reserve. */
export const messageBodyLimit = 6 * longestText + 64 * 1024;
/** In characters. */
const longestWord = 253;

/** Returns the sender of a message whose client named this sender. */
type SenderOf = (named: string | undefined) => string;

/** Returns the messages of a body with one message, or with several under `items`. */
export function newMessages(body: JsonObject, senderOf: SenderOf): NewMessage[] {
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

export function word(value: unknown, path: string, longest = longestWord): string | undefined {
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
