import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type { Envelope, Message } from './message.ts';

export type Row = Record<string, SQLOutputValue>;

/** How each field stands in the column of its name. */
const columns = {
  id: 'plain',
  namespace: 'plain',
  agent: 'plain',
  kind: 'plain',
  from: 'json',
  conversation: 'plain',
  key: 'plain',
  state: 'plain',
  reason: 'plain',
  error: 'plain',
  attempts: 'plain',
  instance: 'plain',
  uid: 'plain',
  run: 'plain',
  written: 'flag',
  produced: 'flag',
  interrupted: 'plain',
  answer: 'plain',
  stopReason: 'plain',
  spent: 'json',
  answered: 'flag',
  hops: 'plain',
  parent: 'plain',
  createdAt: 'plain',
  deliveredAt: 'plain',
  endedAt: 'plain',
  expiresAt: 'plain',
} as const satisfies Record<keyof Envelope, 'plain' | 'flag' | 'json'>;

const entries = Object.entries(columns);
export const fields = Object.keys(columns) as (keyof Envelope)[]; // Object.keys promises no more than strings
/** For a SELECT from `messages m`. */
export const selected = fields.map((field) => `m."${field}"`).join(', ');

export function encode(value: Message[keyof Message]): SQLInputValue {
  switch (typeof value) {
    case 'undefined':
      return null;
    case 'boolean':
      return value ? 1 : 0;
    case 'object':
      return JSON.stringify(value);
    default:
      return value;
  }
}

export function toEnvelope(row: Row): Envelope {
  const message: Record<string, unknown> = {};
  for (const [field, kept] of entries) {
    const value = row[field];
    if (value === null) continue;
    message[field] = kept === 'plain' ? value : kept === 'flag' ? value === 1 : JSON.parse(String(value));
  }
  return message as unknown as Envelope; // was written from one, column by column
}

export const toMessage = (row: Row): Message => ({ ...toEnvelope(row), text: String(row.text) });

/** Of what is kept whole: T is what the table is written with. */
export const toValue = <T>(row: Row): T => JSON.parse(String(row.value));
