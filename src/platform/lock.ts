import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { AgentctlError } from '../api/errors.ts';

export class LockedError extends AgentctlError<'Locked'> {
  /** The pid of the process that holds the lock; undefined if unknown. */
  readonly pid: number | undefined;

  constructor(path: string, pid: number | undefined) {
    super(
      'Locked',
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

/** References to the databases. Without one, the garbage collector would close the database and release its lock. */
const held = new Set<DatabaseSync>();

/**
 * Allows one controller for each state folder. Throws LockedError if another one has the lock. SQLite takes the
 * kernel's file lock, which ends with the process, so a lock is never stale. The pid file next to it is for people.
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

/** Returns the pid of the process that took the lock last; undefined if unknown. */
export function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(`${path}.pid`, 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined; // only for people: an unreadable file means unknown
  }
}
