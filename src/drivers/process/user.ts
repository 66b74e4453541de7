import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isId } from '../../plan/allow.ts';
import { DriverError } from '../driver.ts';
import type { Tools } from './tools.ts';

export interface User {
  uid: number;
  gid: number;
  /** Supplementary groups. */
  groups: number[];
  home: string;
}

/** Looks up `user` or `user:group`, each by name or number, in the host's passwd and group files. */
export async function findUser(text: string): Promise<User> {
  const [name = '', groupName] = text.split(':');
  const users = await table('/etc/passwd');
  const groups = await table('/etc/group');
  const entry = users.find((fields) => fields[0] === name) ?? users.find((fields) => fields[2] === name);
  if (entry === undefined && !isNumber(name)) throw missing('user', name);
  const group = groups.find((fields) => fields[0] === groupName) ?? [];
  if (groupName !== undefined && group[2] === undefined && !isNumber(groupName))
    throw missing('group', groupName);
  const uid = idOf(entry?.[2] ?? name);
  const member = (fields: string[]): boolean =>
    entry !== undefined && (fields[3] ?? '').split(',').includes(entry[0] ?? '');
  return {
    uid,
    gid: idOf(groupName === undefined ? (entry?.[3] ?? uid) : (group[2] ?? groupName)),
    groups: groups.filter(member).map((fields) => idOf(fields[2])),
    home: entry?.[5] ?? '/',
  };
}

/**
 * Returns the words of a command prefix that changes the user; undefined if it is the controller's own user. As in
 * containers, setuid programs gain no privileges afterwards.
 */
export function asUser(tools: Tools, user: User): string[] | undefined {
  if (user.uid === process.getuid?.() && user.gid === process.getgid?.()) return undefined;
  if (tools.setpriv === undefined || process.getuid?.() !== 0)
    throw new DriverError(
      'Terminal',
      'InvalidSpec',
      'spec.template.user: only a controller that runs as root, on a host with setpriv, can change the user',
    );
  return [
    tools.setpriv,
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    user.groups.length === 0 ? '--clear-groups' : `--groups=${user.groups.join(',')}`,
    '--no-new-privs',
    '--',
  ];
}

/** Throws NotStartable if the user cannot enter the working directory or a folder above it. */
export async function checkReachable(user: User, workingDir: string): Promise<void> {
  for (let folder = workingDir; ; folder = dirname(folder)) {
    const { mode, uid, gid } = await stat(folder);
    const groups = [user.gid, ...user.groups];
    const bit = uid === user.uid ? 0o100 : groups.includes(gid) ? 0o010 : 0o001;
    if (user.uid !== 0 && (mode & bit) === 0)
      throw new DriverError(
        'NotStartable',
        'WorkingDirMissing',
        `spec.template.user: this user cannot enter ${folder}, a parent of its working directory ${workingDir}: set spec.template.workingDir to a folder that it owns, such as one made by: install -d -o USER /srv/NAME`,
      );
    if (folder === dirname(folder)) return;
  }
}

/** setpriv reads 2^32 - 1 as "unchanged", which is root, and wraps to 0 after it. Throws NotStartable. */
function idOf(given: string | number = ''): number {
  if (isId(String(given))) return Number(given);
  throw new DriverError(
    'NotStartable',
    'UserMissing',
    `spec.template.user: ${JSON.stringify(given)} is not the number of a user or group; use a name, or a number from 0 to 4294967294`,
  );
}

const isNumber = (text: string): boolean => /^\d+$/.test(text);

const missing = (what: string, name: string): DriverError =>
  new DriverError(
    'NotStartable',
    'UserMissing',
    `spec.template.user: the ${what} "${name}" does not exist on this host; create it or use another`,
  );

async function table(file: string): Promise<string[][]> {
  const lines = (await readFile(file, 'utf8')).split('\n');
  return lines.filter((line) => line !== '').map((line) => line.split(':'));
}
