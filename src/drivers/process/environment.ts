import { userInfo } from 'node:os';
import { ignoring } from '../../platform/code.ts';
import { DriverError, type RunSpec } from '../driver.ts';
import { runVariable, uidVariable } from './proc.ts';
import type { User } from './user.ts';

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
      `the environment variable "${reserved}" cannot be passed to a process through a shell; rename it in spec.template.env, or the key that envFrom takes it from`,
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
