import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

export class LockedError extends Error {
  /** Of the process that holds the lock; undefined where it cannot be told. */
  readonly pid: number | undefined;

  constructor(path: string, pid: number | undefined) {
    super(
      pid === undefined
        ? `Another controller has locked ${path}.`
        : `Another controller is using this state folder: pid ${pid}. Stop it (agentctl controller stop), or use another --state-dir.`,
    );
    this.name = 'LockedError';
    this.pid = pid;
  }
}

export interface Lock {
  release(): void;
}

/** Kept here, for a database that nobody refers to is closed by the garbage collector, and its lock goes with it. */
const held = new Set<DatabaseSync>();

/**
 * One controller a state folder. SQLite takes the kernel's file lock, which ends with its process however that ends, so
 * no lock is ever stale; the pid beside it is for people.
 */
export function acquireLock(path: string): Lock {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE;');
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === 5)
      throw new LockedError(path, readPid(path));
    throw error;
  }
  held.add(database);
  writeFileSync(`${path}.pid`, `${process.pid}\n`, { mode: 0o600 });
  return {
    release() {
      database.close();
      held.delete(database);
    },
  };
}

/** The pid of the process that took the lock last; undefined where it cannot be told. */
export function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(`${path}.pid`, 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined; // the text names no pid then
  }
}
