import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import type { Journal } from './journal.ts';
import { ended, isFinal } from './journal-schema.ts';

/** Milliseconds that pruning holds the event loop at a stretch. */
const slice = 5;
/** Rows, and pages of the file, that are looked at in one step of a slice. */
const rows = 1_000;
const few = 50;
const pages = 50;

type Limits = Parameters<Journal['prune']>[0];

/** As Journal.prune has it, in small transactions; each leaves what a reader may see. Ends early once `closed` says so. */
export async function prune(database: DatabaseSync, limits: Limits, closed: () => boolean): Promise<number> {
  const run = (sql: string): ((...values: SQLInputValue[]) => number) => {
    const statement = database.prepare(sql);
    return (...values) => Number(statement.run(...values).changes);
  };
  const inSlices = async (step: () => boolean): Promise<void> => {
    for (let more = true; more; ) {
      await setImmediate();
      if (closed()) return;
      database.exec('BEGIN IMMEDIATE');
      try {
        const until = performance.now() + slice;
        do more = step();
        while (more && performance.now() < until);
        database.exec('COMMIT');
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    }
  };

  let removed = 0;
  const last = await lastToGo(database, limits, closed);
  if (last !== undefined) {
    const oldest = run(
      `DELETE FROM messages WHERE ordinal = (SELECT ordinal FROM messages
         WHERE ${isFinal} AND (${ended}, ordinal) <= (?, ?) ORDER BY ${ended}, ordinal LIMIT 1)`,
    );
    await inSlices(() => {
      const gone = oldest(last.ended, last.ordinal);
      removed += gone;
      return gone > 0;
    });
  }
  const someEvents = run(
    `DELETE FROM events WHERE message = (SELECT min(message) FROM leftovers)
       AND seq IN (SELECT seq FROM events WHERE message = (SELECT min(message) FROM leftovers) LIMIT ${few})`,
  );
  const leftover = run('DELETE FROM leftovers WHERE message = (SELECT min(message) FROM leftovers)');
  await inSlices(() => someEvents() > 0 || leftover() > 0);

  const { before, usageBefore } = limits;
  const conversations = run(
    `DELETE FROM conversations WHERE rowid IN (SELECT rowid FROM conversations c WHERE state = 'Closed'
       AND activeAt < ? AND NOT EXISTS (SELECT 1 FROM messages WHERE conversation = c.id) LIMIT ${few})`,
  );
  await inSlices(() => conversations(before) > 0);
  const links = run(
    `DELETE FROM links WHERE (uid, run) IN (SELECT uid, run FROM links l WHERE activeAt < ?
       AND EXISTS (SELECT 1 FROM links WHERE uid = l.uid AND run > l.run) LIMIT ${few})`,
  );
  await inSlices(() => links(before) > 0);
  const approvals = run(
    `DELETE FROM approvals WHERE rowid IN
       (SELECT rowid FROM approvals WHERE state <> 'Pending' AND endedAt < ? LIMIT ${few})`,
  );
  await inSlices(() => approvals(before) > 0);
  const usage = run(`DELETE FROM usage WHERE rowid IN (SELECT rowid FROM usage WHERE at < ? LIMIT ${few})`);
  await inSlices(() => usage(usageBefore) > 0);

  const free = database.prepare('PRAGMA freelist_count');
  const freePages = (): number => Number(free.get()?.freelist_count ?? 0);
  await inSlices(() => {
    const was = freePages();
    if (was > 0) database.exec(`PRAGMA incremental_vacuum(${pages})`);
    return freePages() < was;
  });
  return removed;
}

/**
 * The newest message that goes: all that is final and ended before it goes too. Walks from the newest back, until what
 * it has passed is too old or too much; what comes to its end meanwhile is for the next time.
 */
async function lastToGo(
  database: DatabaseSync,
  { before, bytes }: Limits,
  closed: () => boolean,
): Promise<{ ended: number; ordinal: number } | undefined> {
  const older = database.prepare(
    `SELECT ${ended} AS ended, ordinal, size FROM messages WHERE ${isFinal} AND (${ended}, ordinal) < (?, ?)
     ORDER BY ${ended} DESC, ordinal DESC LIMIT ${rows}`,
  );
  let at = { ended: Number.MAX_SAFE_INTEGER, ordinal: 0 };
  let passed = 0;
  while (!closed()) {
    const page = older.all(at.ended, at.ordinal);
    for (const row of page) {
      at = { ended: Number(row.ended), ordinal: Number(row.ordinal) };
      passed += Number(row.size);
      if (at.ended < before || passed > bytes) return at;
    }
    if (page.length < rows) return undefined;
    await setImmediate();
  }
  return undefined;
}
