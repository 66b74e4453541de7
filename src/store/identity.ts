import { randomUUID } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { ignoring } from '../platform/code.ts';

export interface Binding {
  /** The current place of the store's folder. Absent for a store in memory. */
  place?: Place | undefined;
  /** The folder was moved or restored on purpose, so the store keeps its id. */
  adopt?: boolean | undefined;
}

export interface Identity {
  id: string;
  /** The id of the store that this one is a copy of. Undefined after `settleCopy`. */
  copyOf: string | undefined;
}

/**
 * Returns the store's id, which is bound to its place. Containers and processes carry the id. A copy with the same id
 * would take those of the original for its own, and kill them. So in another place the store gets a new id, in one
 * transaction with the note that it is a copy.
 */
export function identify(database: DatabaseSync, { place, adopt = false }: Binding): Identity {
  const read = database.prepare('SELECT value FROM meta WHERE name = ?');
  const write = database.prepare('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)');
  const textOf = (name: string): string | undefined => read.get(name)?.value?.toString();
  const known = textOf('id');
  const before = textOf('place');
  const stays =
    known === undefined ||
    place === undefined ||
    before === undefined ||
    adopt ||
    isSamePlace(JSON.parse(before) as Place, place); // the place was written by this function
  const id = known !== undefined && stays ? known : randomUUID();
  const text = place === undefined ? before : JSON.stringify(place);
  if (id !== known || text !== before) {
    database.exec('BEGIN IMMEDIATE');
    try {
      write.run('id', id);
      if (text !== undefined) write.run('place', text);
      if (!stays && known !== undefined) write.run('copyOf', known);
      database.exec('COMMIT');
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  }
  return { id, copyOf: textOf('copyOf') };
}

export const settleCopy = (database: DatabaseSync): void =>
  database.exec("DELETE FROM meta WHERE name = 'copyOf'");

/** Identifies a folder. A renamed folder keeps its place; a copy has another one. */
interface Place {
  /** The machine-id; '' if the host has none, as in many containers. */
  machine: string;
  boot: string;
  /** Device number of the file system. It may change at each boot, so it is only compared within one boot. */
  device: string;
  inode: string;
}

export function placeOf(folder: string): Place {
  const { dev, ino } = statSync(folder, { bigint: true });
  return {
    machine: textOf('/etc/machine-id'),
    boot: textOf('/proc/sys/kernel/random/boot_id'),
    device: String(dev),
    inode: String(ino),
  };
}

const isSamePlace = (one: Place, other: Place): boolean =>
  one.machine === other.machine &&
  one.inode === other.inode &&
  (one.device === other.device || one.boot !== other.boot);

function textOf(path: string): string {
  return ignoring(() => readFileSync(path, 'utf8').trim(), 'ENOENT') ?? '';
}
