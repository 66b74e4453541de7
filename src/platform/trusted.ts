import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { AgentctlError } from '../api/errors.ts';

/** Another user could control the path. The message says who, and what to do. */
export class UntrustedError extends AgentctlError<'Untrusted'> {
  constructor(message: string) {
    super('Untrusted', message);
    this.name = 'UntrustedError';
  }
}

/** Undefined if the system has no users. */
const ownUid = process.getuid?.();

/** Maximum number of symbolic links in one path, as in Linux. */
const maxLinks = 40;

const socketRemedy = 'use a socket in another folder (--socket, AGENTCTL_SOCKET)';

/**
 * Checks that only this user and root could have created the socket, and that only they can replace it: Secrets are
 * sent to whoever listens there. Throws UntrustedError, and the system's error if there is no socket (ENOENT). The mode
 * of the socket is not checked, because it only says who else may connect.
 */
export function checkSocket(path: string): void {
  if (ownUid === undefined) return;
  let at = path;
  for (let links = 0; links <= maxLinks; links += 1) {
    at = join(walk(dirname(at), ownUid, socketRemedy), basename(at));
    const found = lstatSync(at);
    checkOwner(at, found, ownUid, socketRemedy);
    if (!found.isSymbolicLink()) return;
    at = from(dirname(at), readlinkSync(at));
  }
  throw new UntrustedError(`${path} goes through more than ${maxLinks} links; ${socketRemedy}`);
}

/**
 * Checks that only this user and root can create, delete or rename anything in the folder, and that only they can
 * replace it. Throws UntrustedError, and the system's error if there is no such folder.
 */
export function checkFolder(path: string, remedy: string = socketRemedy): void {
  if (ownUid !== undefined) walk(path, ownUid, remedy);
}

/**
 * Resolves the path as the kernel does, one name at a time from /, and checks each folder and each link. Returns the
 * real path. All folders but the last may be sticky: there, others cannot move what belongs to this user or root.
 */
function walk(path: string, own: number, remedy: string): string {
  const names = from(process.cwd(), path).split('/');
  let real = '/';
  let links = 0;
  let folder = checkedFolder(real, own, remedy);
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (name === '' || name === '.') continue;
    const next = name === '..' ? dirname(real) : join(real, name);
    const found = lstatSync(next);
    if (!found.isSymbolicLink()) {
      folder = checkedFolder(next, own, remedy);
      real = next;
      continue;
    }
    links += 1;
    if (links > maxLinks)
      throw new UntrustedError(`${path} goes through more than ${maxLinks} links; ${remedy}`);
    checkOwner(next, found, own, remedy);
    // A user who does not own a link can create a hard link to it elsewhere (link(2)), so a sticky folder is not
    // enough.
    if (isOpen(folder))
      throw new UntrustedError(
        `${next} is a link in a folder that other users can write to, and they could change it: remove the link, or ${remedy}`,
      );
    const target = readlinkSync(next);
    if (isAbsolute(target)) {
      real = '/';
      folder = checkedFolder(real, own, remedy);
    }
    names.unshift(...target.split('/'));
  }
  checkClosed(real, folder, own, remedy);
  return real;
}

/** Checks a folder on the path: others cannot replace what belongs to this user or root. */
function checkedFolder(path: string, own: number, remedy: string): Stats {
  const found = lstatSync(path);
  checkOwner(path, found, own, remedy);
  if (!isSticky(found)) checkClosed(path, found, own, remedy);
  return found;
}

/** A sticky folder is shared on purpose, so chmod is only suggested for other folders, and only to their owner. */
function checkClosed(path: string, found: Stats, own: number, remedy: string): void {
  if (!isOpen(found)) return;
  const change = found.uid === own && !isSticky(found) ? `chmod go-w ${path}, or ` : '';
  throw new UntrustedError(
    `${path} can be written to by other users, who could replace its files: ${change}${remedy}`,
  );
}

const isSticky = ({ mode }: Stats): boolean => (mode & 0o1000) !== 0;

/** Whether others than the owner may write. A POSIX ACL that allows it shows in the group bits. */
function isOpen({ mode }: Stats): boolean {
  return (mode & 0o022) !== 0;
}

function checkOwner(path: string, { uid }: Stats, own: number, remedy: string): void {
  if (uid === own || uid === 0) return;
  throw new UntrustedError(
    `${path} belongs to user ${uid}, not to this user (${own}). That user could read the Secrets that are sent or written there. Run agentctl as that user, or ${remedy}`,
  );
}

/** Not normalized, because `link/..` is not the folder of the link. */
function from(folder: string, path: string): string {
  return isAbsolute(path) ? path : `${folder}/${path}`;
}
