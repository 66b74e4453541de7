import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { Change, Keys, Row } from './store.ts';

/** The SQL of the store. */
export function prepareStatements(database: DatabaseSync) {
  const prepare = (sql: string): StatementSync => database.prepare(sql);
  return {
    begin: prepare('BEGIN IMMEDIATE'),
    commit: prepare('COMMIT'),
    current: prepare('SELECT key, value, created, revision FROM current WHERE key = ?'),
    newest: prepare('SELECT max(revision) AS revision FROM revisions WHERE key = ?'),
    insert: prepare('INSERT INTO revisions (key, previous, created, deleted, value) VALUES (?, ?, ?, ?, ?)'),
    list: prepare(
      'SELECT key, value, created, revision FROM current WHERE key >= ? AND key < ? ORDER BY key LIMIT ?',
    ),
    count: prepare('SELECT count(*) AS count FROM current WHERE key > ? AND key < ?'),
    changes: prepare(
      'SELECT r.*, p.value AS before, p.deleted AS gone FROM revisions r LEFT JOIN revisions p ON p.revision = r.previous WHERE r.revision > ? AND r.revision <= ? AND r.key >= ? AND r.key < ? ORDER BY r.revision',
    ),
    changesOfOne: prepare(
      'SELECT r.*, p.value AS before, p.deleted AS gone FROM revisions r LEFT JOIN revisions p ON p.revision = r.previous WHERE r.revision > ? AND r.revision <= ? AND r.key = ? ORDER BY r.revision',
    ),
    past: prepare(
      'SELECT key, value, iif(created = 0, revision, created) AS created, revision FROM revisions r WHERE key >= ? AND key < ? AND deleted = 0 AND revision = (SELECT max(revision) FROM revisions WHERE key = r.key AND revision <= ?) ORDER BY key',
    ),
    free: prepare('PRAGMA freelist_count'),
    compacted: prepare("SELECT value FROM meta WHERE name = 'compacted'"),
  };
}

export type Statements = ReturnType<typeof prepareStatements>;

type Record = { [column: string]: SQLOutputValue };

/** Returns the first of these keys, and the first key after all of them. */
export const boundsOf = (keys: Keys): { first: string; end: string } =>
  typeof keys === 'string'
    ? { first: keys, end: `${keys}\u{10ffff}` }
    : { first: keys.only, end: `${keys.only}\0` };

export const toRow = (record: Record): Row => ({
  key: String(record.key),
  value: String(record.value),
  createRevision: Number(record.created),
  modRevision: Number(record.revision),
});

export const toChange = (record: Record): Change => ({
  type: record.deleted === 1 ? 'Delete' : 'Put',
  key: String(record.key),
  value: String(record.value),
  ...(record.before === null || record.gone === 1 ? {} : { previous: String(record.before) }),
  revision: Number(record.revision),
});
