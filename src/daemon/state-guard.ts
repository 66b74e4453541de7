import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kindInfo } from '../api/kinds.ts';
import type { Cancel, Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { checkFolder } from '../platform/trusted.ts';
import { prefixOf } from '../registry/object.ts';
import type { Store } from '../store/store.ts';

const lookMs = 5_000;

/**
 * Calls back when the file is gone or replaced. Then a second controller would find no lock, and this one's writes
 * would be lost.
 */
export function guardFile(path: string, clock: Clock, onLost: () => void): Cancel {
  const identity = (): string | undefined => {
    const found = statSync(path, { throwIfNoEntry: false, bigint: true });
    return found === undefined ? undefined : `${found.dev} ${found.ino}`;
  };
  const own = identity();
  const isLost = (): boolean => {
    try {
      return identity() !== own;
    } catch {
      return false; // a failed look says nothing; the next one may succeed
    }
  };
  const look = (): void => {
    if (isLost()) onLost();
    else cancel = clock.after(lookMs, look);
  };
  let cancel = clock.after(lookMs, look);
  return () => cancel();
}

/**
 * Creates the folder, or checks that it belongs to this user and is closed to others. In a place that everybody can
 * write to (/dev/shm), somebody else could have created it first and would read what is stored there. The same holds
 * for each folder and link on the way to it. Throws an Error with the remedy.
 */
export function privateFolder(path: string, uid: number): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const found = lstatSync(path);
  const isOwn = found.isDirectory() && found.uid === uid && (found.mode & 0o077) === 0;
  if (!isOwn)
    throw new Error(
      `${path} must belong to the controller's user and have mode 0700, because secrets are written there: remove it, or set XDG_RUNTIME_DIR to a folder of this user`,
    );
  checkFolder(path, 'set XDG_RUNTIME_DIR to a folder that is yours');
  return path;
}

/**
 * Separates a copied state folder from everything that runs for the original. Instances name processes, containers and
 * folders of the original by their uids. So they are deleted, and the Agents get new ones. The copied folders of
 * instances are moved aside. If this is interrupted, the next start repeats it. Returns the original's id, or undefined
 * if the folder is no copy.
 */
export async function partFromOriginal(store: Store, state: string, log: Log): Promise<string | undefined> {
  const { copyOf } = store;
  if (copyOf === undefined) return undefined;
  const folder = join(state, 'instances');
  const aside = freeName(join(state, `instances.of-${copyOf.slice(0, 8)}`));
  // The copy may be partial or repeated. Until it is settled, everything there belongs to the original.
  if (existsSync(folder)) renameSync(folder, aside);
  const { rows } = await store.list(prefixOf(kindInfo('Instance')));
  await Promise.all(rows.map(({ key, modRevision }) => store.delete(key, modRevision)));
  store.settleCopy();
  log.warn(
    { original: copyOf, store: store.id, folders: aside },
    'this state folder is a copy: it gets a new identity, and starts its own agents. If it was moved or restored instead, keep its identity with: agentctl controller start --adopt',
  );
  return copyOf;
}

function freeName(path: string): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? path : `${path}-${number}`;
    if (!existsSync(name)) return name;
  }
}

const length = 32;

/** Returns the HMAC key for Revisions. The first start creates it completely or not at all, also on a full disk. */
export function readKey(path: string): Uint8Array {
  if (!existsSync(path)) {
    writeFileSync(`${path}.new`, randomBytes(length), { mode: 0o600, flush: true });
    renameSync(`${path}.new`, path);
  }
  const key = readFileSync(path);
  if (key.length === length) return key;
  throw new Error(
    `${path} is damaged: it has ${key.length} bytes, expected ${length}. Restore it from a backup, or remove it: a new one is created, and agents with restartOn SecretChange restart once.`,
  );
}
