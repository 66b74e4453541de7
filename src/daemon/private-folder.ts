import { lstatSync, mkdirSync } from 'node:fs';
import { checkFolder } from '../platform/trusted.ts';

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
