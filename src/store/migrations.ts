import { rmSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { Log } from '../platform/log.ts';
import { StoreError } from './store.ts';

/**
 * One entry for each version of the file. The schema enforces the rules: a revision of a key can have only one
 * successor, so of two writes with the same expected revision one fails. Triggers update `current`.
 */
export const allVersions: readonly string[] = [
  `CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE revisions (
     revision INTEGER PRIMARY KEY AUTOINCREMENT,
     key TEXT NOT NULL,
     previous INTEGER NOT NULL,
     created INTEGER NOT NULL,
     deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
     value TEXT NOT NULL,
     UNIQUE (key, previous)
   );
   CREATE INDEX revisions_by_key ON revisions (key, revision);
   CREATE TABLE current (
     key TEXT PRIMARY KEY,
     revision INTEGER NOT NULL,
     created INTEGER NOT NULL,
     value TEXT NOT NULL
   ) WITHOUT ROWID;
   CREATE TRIGGER put AFTER INSERT ON revisions WHEN NEW.deleted = 0 BEGIN
     INSERT INTO current (key, revision, created, value)
       VALUES (NEW.key, NEW.revision, iif(NEW.created = 0, NEW.revision, NEW.created), NEW.value)
       ON CONFLICT (key) DO UPDATE SET revision = NEW.revision, value = NEW.value;
   END;
   CREATE TRIGGER gone AFTER INSERT ON revisions WHEN NEW.deleted = 1 BEGIN
     DELETE FROM current WHERE key = NEW.key;
   END;`,
];

/** Migrates the file to the newest version. Keeps a copy of the old file next to it. Throws StoreError TooNew. */
export function migrate(
  database: DatabaseSync,
  path: string,
  log: Log,
  versions: readonly string[] = allVersions,
): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version ?? 0);
  if (version > versions.length) {
    throw new StoreError(
      'TooNew',
      `${path} was written by a newer agentctl (file version ${version}; this one supports ${versions.length}). Install the newer agentctl again.`,
    );
  }
  if (version === versions.length) return;
  if (version > 0) {
    const copy = `${path}.v${version}.bak`;
    rmSync(copy, { force: true }); // from a failed attempt
    database.prepare('VACUUM INTO ?').run(copy);
    log.info({ copy }, 'the store is being migrated; a backup is kept');
  }
  for (const [index, sql] of versions.entries()) {
    if (index < version) continue;
    try {
      database.exec(`BEGIN IMMEDIATE; ${sql} PRAGMA user_version = ${index + 1}; COMMIT;`);
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  }
}
