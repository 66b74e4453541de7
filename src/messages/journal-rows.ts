import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type { Envelope, Message } from './message.ts';

export type Row = Record<string, SQLOutputValue>;

/** The column type of each field. */
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
export const fields = Object.keys(columns) as (keyof Envelope)[]; // Object.keys returns string[]
/** The columns of an Envelope, for a SELECT from `messages m`. */
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
  return message as unknown as Envelope; // each row was written from one, column by column
}

export const toMessage = (row: Row): Message => ({ ...toEnvelope(row), text: String(row.text) });

/** Parses a record that is stored as one JSON value. T is the type with which the table is written. */
export const toValue = <T>(row: Row): T => JSON.parse(String(row.value));
