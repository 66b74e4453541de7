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
 * Calls back once the file is gone or another one is in its place: whoever starts a controller then finds no lock, and
 * nothing that this one writes is there any more.
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
      return false; // it could not be looked at, which says nothing: the next look may tell
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
 * Makes the folder, or makes sure that it is this user's own and closed to others: in a place that all may write to
 * (/dev/shm) somebody else could have made it first, and would read what is put there. The same holds for each folder
 * and link on the way to it. Throws an Error with the remedy.
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
 * Where the state folder is a copy: parts it from all that runs for the original. Instances name processes, containers
 * and folders of the original by their uids, so they go, and the Agents get new ones; the copied folders of instances
 * are put aside. May be cut short anywhere, and is then done again at the next start. Returns the original's id.
 */
export async function partFromOriginal(store: Store, state: string, log: Log): Promise<string | undefined> {
  const { copyOf } = store;
  if (copyOf === undefined) return undefined;
  const folder = join(state, 'instances');
  const aside = freeName(join(state, `instances.of-${copyOf.slice(0, 8)}`));
  // Copied in part, or copied over once more: whatever is there is the original's until the copy is settled.
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

/** The key of the HMACs in Revisions, made at the first start: whole or not at all, on a full disk too. */
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
