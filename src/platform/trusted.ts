import { lstatSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Somebody else could stand behind the path; the message says who, and what to do. */
export class UntrustedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UntrustedError';
  }
}

/** Undefined where the system has no users. */
const ownUid = process.getuid?.();

/**
 * Makes sure that nobody but this user and root can have made the socket, or put another in its place: Secrets are sent
 * to who listens there. Throws UntrustedError, and the system's own error where there is no socket (ENOENT). Its mode
 * says only who else may connect, and is not looked at.
 */
export function checkSocket(path: string): void {
  if (ownUid === undefined) return;
  const found = lstatSync(path);
  checkFolder(dirname(path));
  if (found.isSymbolicLink()) {
    checkFolder(dirname(realpathSync(path)));
    checkOwner(path, statSync(path), ownUid);
  }
  checkOwner(path, found, ownUid);
}

/** Makes sure that nobody but this user and root can make, remove or rename what stands in the folder. */
export function checkFolder(path: string): void {
  if (ownUid === undefined) return;
  const found = statSync(path);
  checkOwner(path, found, ownUid);
  if ((found.mode & 0o022) === 0) return;
  throw new UntrustedError(
    `${path} can be written to by other users, who could put a socket of their own there: chmod go-w ${path}, or have the socket in another folder (--socket, AGENTCTL_SOCKET)`,
  );
}

function checkOwner(path: string, { uid }: Stats, own: number): void {
  if (uid === own || uid === 0) return;
  const other = `user ${uid}, and this is user ${own}`;
  throw new UntrustedError(
    `${path} belongs to ${other}: whoever listens there would be sent Secrets. Run agentctl as that user, or name a socket of your own (--socket, AGENTCTL_SOCKET)`,
  );
}
