import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import type { Gone, Journal } from './journal.ts';
import { type Row, selected, toMessage, toValue, whereFinal } from './journal-schema.ts';
import type { Approval, Conversation } from './message.ts';

/** Maximum time in milliseconds for which pruning blocks the event loop. */
const slice = 5;
/** Rows, or pages of the file, that one step removes. */
const few = 50;
const many = 1_000;

type Limits = Parameters<Journal['prune']>[0];

/**
 * Implements Journal.prune in small transactions. After each of them, readers see a consistent journal. Ends early once
 * `closed` returns true. Returns the number of removed messages.
 */
export async function prune(database: DatabaseSync, limits: Limits, closed: () => boolean): Promise<number> {
  const steps = prepare(database);
  let removed = 0;
  let gone: Gone[] = [];
  const note = (went: readonly Gone[]): boolean => {
    gone.push(...went);
    return went.length > 0;
  };
  const last = await lastToGo(steps.older, limits, closed);
  const work: (() => boolean)[] = [
    () => last !== undefined && note(steps.oldest(last.ended, last.ordinal)),
    () => steps.events() > 0 || steps.leftover() > 0,
    // Size limits may remove the messages of a young conversation.
    () => note(steps.conversations(Math.max(limits.before, last?.ended ?? 0))),
    () => steps.links(limits.before) > 0,
    () => note(steps.approvals(limits.before)),
    () => steps.usage(limits.usageBefore) > 0,
    () => steps.vacuum(),
  ];
  for (const step of work) {
    for (let more = true; more; ) {
      await setImmediate();
      if (closed()) return removed;
      gone = [];
      more = aSlice(database, step);
      for (const one of gone) {
        if (one.kind === 'Message') removed += 1;
        limits.gone?.(one);
      }
    }
  }
  return removed;
}

/** Runs steps in one transaction for at most `slice` milliseconds. Returns whether there is more to do. */
function aSlice(database: DatabaseSync, step: () => boolean): boolean {
  const until = performance.now() + slice;
  database.exec('BEGIN IMMEDIATE');
  try {
    let more = step();
    while (more && performance.now() < until) more = step();
    database.exec('COMMIT');
    return more;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function prepare(database: DatabaseSync) {
  const run = (sql: string): ((...values: SQLInputValue[]) => number) => {
    const statement = database.prepare(sql);
    return (...values) => Number(statement.run(...values).changes);
  };
  const rows = (sql: string): ((...values: SQLInputValue[]) => Row[]) => {
    const statement = database.prepare(sql);
    return (...values) => statement.all(...values);
  };
  const byEnd = `messages INDEXED BY messages_by_end WHERE ${whereFinal}`;
  const oldest = rows(
    `SELECT m.ordinal, ${selected}, t.text FROM messages m JOIN texts t ON t.message = m.ordinal
     WHERE m.ordinal =
       (SELECT ordinal FROM ${byEnd} AND (ended, ordinal) <= (?, ?) ORDER BY ended, ordinal LIMIT 1)`,
  );
  const remove = run('DELETE FROM messages WHERE ordinal = ?');
  const conversations = rows(
    `DELETE FROM conversations WHERE rowid IN (SELECT rowid FROM conversations c WHERE state = 'Closed'
       AND activeAt < ? AND NOT EXISTS (SELECT 1 FROM messages WHERE conversation = c.id) LIMIT ${few})
     RETURNING value`,
  );
  const approvals = rows(
    `DELETE FROM approvals WHERE rowid IN
       (SELECT rowid FROM approvals WHERE state <> 'Pending' AND endedAt < ? LIMIT ${few}) RETURNING value`,
  );
  const leftover = '(SELECT min(message) FROM leftovers)';
  const free = database.prepare('PRAGMA freelist_count');
  const freePages = (): number => Number(free.get()?.freelist_count ?? 0);
  return {
    older: database.prepare(
      `SELECT ended, ordinal, size FROM ${byEnd} AND (ended, ordinal) < (?, ?)
       ORDER BY ended DESC, ordinal DESC LIMIT ${many}`,
    ),
    oldest: (ended: number, ordinal: number): Gone[] =>
      oldest(ended, ordinal).map((row) => {
        remove(Number(row.ordinal));
        return { kind: 'Message', record: toMessage(row) };
      }),
    events: run(
      `DELETE FROM events WHERE message = ${leftover}
         AND seq IN (SELECT seq FROM events WHERE message = ${leftover} LIMIT ${few})`,
    ),
    leftover: run(`DELETE FROM leftovers WHERE message = ${leftover}`),
    conversations: (before: number): Gone[] =>
      conversations(before).map((row) => ({ kind: 'Conversation', record: toValue<Conversation>(row) })),
    links: run(
      `DELETE FROM links WHERE (uid, run) IN (SELECT uid, run FROM links l WHERE activeAt < ?
         AND EXISTS (SELECT 1 FROM links WHERE uid = l.uid AND run > l.run) LIMIT ${few})`,
    ),
    approvals: (before: number): Gone[] =>
      approvals(before).map((row) => ({ kind: 'Approval', record: toValue<Approval>(row) })),
    usage: run(`DELETE FROM usage WHERE rowid IN (SELECT rowid FROM usage WHERE at < ? LIMIT ${few})`),
    /** Returns free pages to the file system. */
    vacuum: (): boolean => {
      const was = freePages();
      if (was > 0) database.exec(`PRAGMA incremental_vacuum(${few})`);
      return freePages() < was;
    },
  };
}

/**
 * Finds the newest message to remove; all final messages that ended before it are removed too. Walks from the newest
 * one back until a limit is exceeded. Messages that end meanwhile are left for the next time.
 */
async function lastToGo(
  older: ReturnType<typeof prepare>['older'],
  { before, bytes, messages = Number.POSITIVE_INFINITY }: Limits,
  closed: () => boolean,
): Promise<{ ended: number; ordinal: number } | undefined> {
  let at = { ended: Number.MAX_SAFE_INTEGER, ordinal: 0 };
  let passed = 0;
  let count = 0;
  while (!closed()) {
    const page = older.all(at.ended, at.ordinal);
    for (const row of page) {
      at = { ended: Number(row.ended), ordinal: Number(row.ordinal) };
      passed += Number(row.size);
      count += 1;
      if (at.ended < before || passed > bytes || count > messages) return at;
    }
    if (page.length < many) return undefined;
    await setImmediate();
  }
  return undefined;
}
