import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type { Envelope, Message, Progress } from './message.ts';

const final = "('Completed', 'Failed', 'Expired')";

/**
 * One entry for each version of the file. The schema enforces the rules of Journal: an index or a trigger refuses what
 * breaks one.
 * - `ordinal` is the order of acceptance. It is not reused while anything of its message is left.
 * - The text has its own table, so that a change of state does not rewrite it.
 * - `size` is the size of text, answer and events, in bytes.
 * - `retries` lets the triggers distinguish a Retry from a Change.
 */
export const journalVersions: readonly string[] = [
  `CREATE TABLE messages (
     ordinal INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     namespace TEXT NOT NULL,
     agent TEXT NOT NULL,
     kind TEXT NOT NULL,
     "from" TEXT NOT NULL,
     conversation TEXT NOT NULL,
     "key" TEXT,
     state TEXT NOT NULL CHECK (state IN ('Pending', 'Delivered', 'Acknowledged', 'Completed', 'Failed', 'Expired')),
     reason TEXT,
     error TEXT,
     attempts INTEGER NOT NULL,
     instance TEXT,
     uid TEXT,
     run INTEGER,
     written INTEGER NOT NULL,
     produced INTEGER NOT NULL,
     interrupted TEXT,
     answer TEXT,
     stopReason TEXT,
     spent TEXT,
     answered INTEGER,
     hops INTEGER NOT NULL,
     parent TEXT,
     createdAt INTEGER NOT NULL,
     deliveredAt INTEGER,
     endedAt INTEGER,
     expiresAt INTEGER NOT NULL,
     asks INTEGER NOT NULL,
     size INTEGER NOT NULL,
     ended INTEGER AS (ifnull(endedAt, createdAt)),
     retries INTEGER NOT NULL DEFAULT 0
   );
   CREATE UNIQUE INDEX messages_by_key ON messages (namespace, agent, "key") WHERE "key" IS NOT NULL;
   CREATE INDEX messages_by_agent ON messages (namespace, agent);
   CREATE INDEX messages_by_conversation ON messages (conversation);
   CREATE INDEX messages_by_state ON messages (state);
   CREATE INDEX messages_by_end ON messages (ended, ordinal, size) WHERE state IN ${final};
   CREATE INDEX messages_unanswered ON messages (ordinal) WHERE asks = 1 AND answered IS NOT 1;
   CREATE TABLE texts (message INTEGER PRIMARY KEY, text TEXT NOT NULL);
   CREATE TABLE events (
     message INTEGER NOT NULL,
     seq INTEGER NOT NULL,
     at INTEGER NOT NULL,
     event TEXT NOT NULL,
     PRIMARY KEY (message, seq)
   ) WITHOUT ROWID;
   -- Ordinals of messages that are gone and have left events behind.
   CREATE TABLE leftovers (message INTEGER PRIMARY KEY);

   CREATE TRIGGER final BEFORE UPDATE OF state, reason, error, attempts, instance, uid, run, written, produced,
     interrupted, answer, stopReason, spent, deliveredAt, endedAt, expiresAt ON messages
     WHEN OLD.state IN ${final} AND NEW.retries = OLD.retries BEGIN
     SELECT raise(ABORT, 'final');
   END;
   CREATE TRIGGER retried BEFORE UPDATE OF retries ON messages
     WHEN OLD.state NOT IN ('Failed', 'Expired') OR NEW.state <> 'Pending' OR NEW.retries <> OLD.retries + 1 BEGIN
     SELECT raise(ABORT, 'only what has failed or expired can be retried');
   END;
   CREATE TRIGGER open BEFORE DELETE ON messages WHEN OLD.state NOT IN ${final} BEGIN
     SELECT raise(ABORT, 'only what is final can go');
   END;
   CREATE TRIGGER gone AFTER DELETE ON messages BEGIN
     DELETE FROM texts WHERE message = OLD.ordinal;
     INSERT INTO leftovers SELECT OLD.ordinal WHERE EXISTS (SELECT 1 FROM events WHERE message = OLD.ordinal);
   END;
   CREATE TRIGGER answer AFTER UPDATE OF answer ON messages BEGIN
     UPDATE messages SET size = size + ifnull(octet_length(NEW.answer), 0) - ifnull(octet_length(OLD.answer), 0)
       WHERE ordinal = NEW.ordinal;
   END;
   CREATE TRIGGER event AFTER INSERT ON events BEGIN
     UPDATE messages SET size = size + octet_length(NEW.event) WHERE ordinal = NEW.message;
   END;

   CREATE TABLE conversations (
     id TEXT NOT NULL UNIQUE,
     namespace TEXT NOT NULL,
     agent TEXT NOT NULL,
     state TEXT NOT NULL,
     activeAt INTEGER NOT NULL,
     value TEXT NOT NULL
   );
   CREATE INDEX conversations_by_agent ON conversations (namespace, agent);
   CREATE INDEX conversations_by_state ON conversations (state, activeAt);
   CREATE TABLE links (
     uid TEXT NOT NULL,
     run INTEGER NOT NULL,
     activeAt INTEGER NOT NULL,
     value TEXT NOT NULL,
     PRIMARY KEY (uid, run)
   ) WITHOUT ROWID;
   CREATE TABLE approvals (
     id TEXT NOT NULL UNIQUE,
     namespace TEXT NOT NULL,
     agent TEXT NOT NULL,
     state TEXT NOT NULL,
     endedAt INTEGER NOT NULL,
     value TEXT NOT NULL
   );
   CREATE INDEX approvals_by_state ON approvals (state, endedAt);
   CREATE TABLE marks (name TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
   CREATE TABLE usage (
     id TEXT NOT NULL UNIQUE,
     namespace TEXT NOT NULL,
     agent TEXT NOT NULL,
     at INTEGER NOT NULL,
     value TEXT NOT NULL
   );
   CREATE INDEX usage_by_time ON usage (at);`,
  'CREATE INDEX usage_by_agent ON usage (namespace, agent, at);',
];

/** Must be written exactly as in the partial indexes: otherwise SQLite does not use them. */
export const whereFinal = `state IN ${final}`;
export const whereOpen = "state IN ('Pending', 'Delivered', 'Acknowledged')";

export type Row = Record<string, SQLOutputValue>;

type Column = 'plain' | 'flag' | 'json';

/** The column types of what changes. */
const progress = {
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
  deliveredAt: 'plain',
  endedAt: 'plain',
} as const satisfies Record<keyof Progress, Column>;

/** The column type of each field. */
const columns = {
  id: 'plain',
  namespace: 'plain',
  agent: 'plain',
  kind: 'plain',
  from: 'json',
  conversation: 'plain',
  key: 'plain',
  ...progress,
  hops: 'plain',
  parent: 'plain',
  createdAt: 'plain',
  expiresAt: 'plain',
} as const satisfies Record<keyof Envelope, Column>;

const entries = Object.entries(columns);
export const fields = Object.keys(columns) as (keyof Envelope)[]; // Object.keys returns string[]
/** The fields that a Change may set. */
export const changeable = Object.keys(progress) as (keyof Progress)[]; // Object.keys returns string[]
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
