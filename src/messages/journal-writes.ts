import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { type Entry, isRefused, isTaken, JournalError, type MessageChange } from './journal.ts';
import { changeable, encode, fields } from './journal-schema.ts';
import type { Message } from './message.ts';

/** Writes single entries in the open transaction. Throws JournalError if an entry breaks a rule. */
export class JournalWriter {
  readonly #database: DatabaseSync;
  readonly #statements;
  /** Prepared statements, by the set of fields that they write. */
  readonly #changes = new Map<number, StatementSync>();
  #ordinal: number;

  constructor(database: DatabaseSync) {
    this.#database = database;
    const prepare = (sql: string): StatementSync => database.prepare(sql);
    const upsert = (table: string, key: string, names: readonly string[]): StatementSync =>
      prepare(
        `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})
         ON CONFLICT (${key}) DO UPDATE SET ${names.map((name) => `${name} = excluded.${name}`).join(', ')}`,
      );
    const columns = ['ordinal', 'asks', 'size', ...fields.map((field) => `"${field}"`)];
    this.#statements = {
      exists: prepare('SELECT state FROM messages WHERE id = ?'),
      accept: prepare(
        `INSERT INTO messages (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
      ),
      text: prepare('INSERT INTO texts (message, text) VALUES (?, ?)'),
      retry: prepare(
        `UPDATE messages SET retries = retries + 1, state = 'Pending', attempts = 0, written = 0, produced = 0,
           expiresAt = ?, reason = NULL, error = NULL, instance = NULL, uid = NULL, run = NULL, interrupted = NULL,
           answer = NULL, stopReason = NULL, deliveredAt = NULL, endedAt = NULL WHERE id = ?`,
      ),
      event: prepare(
        `INSERT INTO events (message, seq, at, event) SELECT ordinal, ?, ?, ? FROM messages WHERE id = ?
         ON CONFLICT (message, seq) DO NOTHING`,
      ),
      conversation: upsert('conversations', 'id', ['id', 'namespace', 'agent', 'state', 'activeAt', 'value']),
      link: upsert('links', 'uid, run', ['uid', 'run', 'activeAt', 'value']),
      dropLink: prepare('DELETE FROM links WHERE uid = ? AND run = ?'),
      approval: upsert('approvals', 'id', ['id', 'namespace', 'agent', 'state', 'endedAt', 'value']),
      mark: upsert('marks', 'name', ['name', 'at']),
      dropMarks: prepare('DELETE FROM marks WHERE substr(name, 1, length(?1)) = ?1'),
      usage: prepare(
        `INSERT INTO usage (id, namespace, agent, at, value) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (id) DO NOTHING`,
      ),
    };
    const last = prepare(
      `SELECT max((SELECT ifnull(max(ordinal), 0) FROM messages), (SELECT ifnull(max(message), 0) FROM leftovers)) AS ordinal`,
    ).get();
    this.#ordinal = Number(last?.ordinal ?? 0);
  }

  apply(entry: Entry) {
    const { conversation, link, dropLink, approval, mark, usage } = this.#statements;
    switch (entry.type) {
      case 'Accept':
        return this.#accept(entry.message);
      case 'Change':
        return this.#change(entry.id, entry.set);
      case 'Retry':
        return this.#update(entry.id, this.#statements.retry, [entry.expiresAt]);
      case 'Event':
        return this.#event(entry);
      case 'Conversation': {
        const { id, namespace, agent, state, activeAt } = entry.conversation;
        conversation.run(id, namespace, agent, state, activeAt, JSON.stringify(entry.conversation));
        return;
      }
      case 'Link': {
        const { uid, run, activeAt } = entry.link;
        link.run(uid, run, activeAt, JSON.stringify(entry.link));
        return;
      }
      case 'DropLink':
        dropLink.run(entry.uid, entry.run);
        return;
      case 'Approval': {
        const { id, namespace, agent, state, decidedAt, createdAt } = entry.approval;
        approval.run(id, namespace, agent, state, decidedAt ?? createdAt, JSON.stringify(entry.approval));
        return;
      }
      case 'Mark':
        mark.run(entry.name, entry.at);
        return;
      case 'DropMarks':
        this.#statements.dropMarks.run(entry.prefix);
        return;
      case 'Usage': {
        const { id, namespace, agent, at } = entry.record;
        usage.run(id, namespace, agent, at, JSON.stringify(entry.record));
        return;
      }
      default:
        throw new TypeError(`no such entry: ${JSON.stringify(entry satisfies never)}`);
    }
  }

  #accept(message: Message): void {
    const { id, kind, from, text, key, answer } = message;
    this.#ordinal += 1;
    const asks = kind === 'Route' && from.kind === 'Agent' && from.requestId !== undefined;
    const size = Buffer.byteLength(text) + Buffer.byteLength(answer ?? '');
    const values = fields.map((field) => encode(message[field]));
    try {
      this.#statements.accept.run(this.#ordinal, asks ? 1 : 0, size, ...values);
    } catch (error) {
      if (!isTaken(error)) throw error;
      const taken = this.#statements.exists.get(id) !== undefined ? `id ${id}` : `key ${key}`;
      throw new JournalError(
        'Duplicate',
        `A message to ${message.namespace}/${message.agent} with the ${taken} was already accepted.`,
        { cause: error },
      );
    }
    this.#statements.text.run(this.#ordinal, text);
  }

  #change(id: string, set: MessageChange): void {
    const names = changeable.filter((name) => name in set);
    if (names.length === 0) return;
    const shape = names.reduce((bits, name) => bits | (1 << changeable.indexOf(name)), 0);
    let statement = this.#changes.get(shape);
    if (statement === undefined) {
      const assignments = names.map((name) => `${name} = ?`).join(', ');
      statement = this.#database.prepare(`UPDATE messages SET ${assignments} WHERE id = ?`);
      this.#changes.set(shape, statement);
    }
    this.#update(
      id,
      statement,
      names.map((name) => encode(set[name])),
    );
  }

  #update(id: string, statement: StatementSync, values: readonly SQLInputValue[]): void {
    let changes: number | bigint;
    try {
      changes = statement.run(...values, id).changes;
    } catch (error) {
      if (!isRefused(error)) throw error;
      const state = String(this.#statements.exists.get(id)?.state);
      const rule =
        statement === this.#statements.retry
          ? 'only a Failed or Expired message can be retried'
          : 'a message that has ended does not change';
      throw new JournalError('Final', `Message ${id} is ${state}: ${rule}.`, { cause: error });
    }
    if (changes === 0) throw missing(id);
  }

  #event({ message, seq, at, event }: Extract<Entry, { type: 'Event' }>): void {
    const { changes } = this.#statements.event.run(seq, at, JSON.stringify(event), message);
    // A duplicate event writes nothing, and neither does an event of an unknown message.
    if (changes === 0 && this.#statements.exists.get(message) === undefined) throw missing(message);
  }
}

const missing = (id: string): JournalError =>
  new JournalError('Missing', `Message ${id} not found: it was never accepted, or has been deleted.`);
