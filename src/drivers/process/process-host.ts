import { accessSync, constants, realpathSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { basename, dirname } from 'node:path';
import { isId } from '../../plan/allow.ts';
import { ignoring, isCode } from '../../platform/code.ts';
import { DriverError, type RunSpec } from '../driver.ts';
import { inheritableFiles, runVariable, uidVariable } from '../proc.ts';

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
        `spec.template.user: this user cannot enter ${folder}, a parent of its working directory ${workingDir}:`,
        {
          remedy:
            'set spec.template.workingDir to a folder that it owns, such as one made by: install -d -o USER /srv/NAME',
        },
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
    `spec.template.user: ${JSON.stringify(given)} is not the number of a user or group;`,
    { remedy: 'use a name, or a number from 0 to 4294967294' },
  );
}

const isNumber = (text: string): boolean => /^\d+$/.test(text);

const missing = (what: string, name: string): DriverError =>
  new DriverError(
    'NotStartable',
    'UserMissing',
    `spec.template.user: the ${what} "${name}" does not exist on this host;`,
    { remedy: 'create it or use another' },
  );

async function table(file: string): Promise<string[][]> {
  const lines = (await readFile(file, 'utf8')).split('\n');
  return lines.filter((line) => line !== '').map((line) => line.split(':'));
}

/** Programs of the host that the driver needs, by absolute path, because PATH may be the agent's. */
export interface Tools {
  sh: string;
  mkfifo: string;
  env: string;
  setsid: string;
  rm: string;
  sleep: string;
  chown: string;
  /** Needed only to change the user. */
  setpriv: string | undefined;
  /** Needed only to close files that the controller itself inherited. */
  bash: string | undefined;
}

/** Throws Offline if this host lacks one. */
export function findTools(): Tools {
  const need = (name: string, from: string, path = findTool(name)): string => {
    if (path !== undefined) return path;
    const remedy = `the Runtime process requires the program ${name} (${from}) on this host: install it`;
    throw new DriverError('Offline', 'ToolMissing', remedy);
  };
  // dash starts in half the time of bash and does not change the environment.
  const sh = findTool('dash') ?? need('sh', 'a POSIX shell');
  return {
    sh,
    mkfifo: need('mkfifo', 'coreutils'),
    env: need('env', 'coreutils'),
    setsid: need('setsid', 'util-linux'),
    rm: need('rm', 'coreutils'),
    sleep: need('sleep', 'coreutils'),
    chown: need('chown', 'coreutils'),
    setpriv: findTool('setpriv'),
    bash: findTool('bash'),
  };
}

/**
 * Wraps the command so that it does not inherit files that the shell left open when it started the controller. dash can
 * close only the first ten files, so bash closes them.
 */
export function withoutInherited(tools: Tools, command: readonly string[]): string[] {
  const files = inheritableFiles();
  if (files.length === 0 || tools.bash === undefined) return [...command];
  const closes = files.map((file) => `${file}>&-`).join(' ');
  const run = `exec ${tools.env} -u _ -u PWD -u OLDPWD -u SHLVL "$@"`; // removes what bash adds to the environment
  return [tools.bash, '--norc', '-c', `exec ${closes}; ${run}`, 'agentctl', ...command];
}

/** BusyBox's setsid and setpriv lack the options that are needed here. */
export function findTool(name: string): string | undefined {
  const places = ['/usr/bin', '/bin', '/usr/local/bin'].map((folder) => `${folder}/${name}`);
  const mayBeBusyBox = ['sh', 'mkfifo', 'env', 'rm', 'sleep', 'chown'].includes(name);
  return places.find(
    (path) => isExecutable(path) && (mayBeBusyBox || basename(realpathSync(path)) !== 'busybox'),
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return false;
    throw error;
  }
}

/** The base environment of a process, without anything from the shell that started the controller. */
export const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const base = {
  PATH: systemPath,
  LANG: 'C.UTF-8',
};

/** Returns the whole environment of a run. Throws InvalidSpec for a name that the shim's shell would drop or change. */
export function environmentOf(spec: RunSpec, user: User | undefined): Record<string, string> {
  const reserved = Object.keys(spec.env).find(reservedVariable);
  if (reserved !== undefined)
    throw new DriverError(
      'Terminal',
      'InvalidSpec',
      `the environment variable "${reserved}" cannot be passed to a process through a shell;`,
      { remedy: 'rename it in spec.template.env, or the key that envFrom takes it from' },
    );
  return {
    ...base,
    HOME: user?.home ?? ownHome(),
    ...spec.env,
    [uidVariable]: spec.identity.uid,
    [runVariable]: String(spec.identity.run),
  };
}

/** POSIX shells export only names of letters, digits and underscores, and reserve a few. */
export const reservedVariable = (name: string): boolean =>
  !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ||
  ['IFS', 'OPTIND', 'PPID', 'PWD', 'OLDPWD', 'SHLVL', '_'].includes(name);

/** Not $HOME, which belongs to the shell. A user without a passwd entry has none. */
function ownHome(): string {
  return ignoring(() => userInfo().homedir, 'ENOENT', 'ERR_SYSTEM_ERROR') ?? '/';
}
