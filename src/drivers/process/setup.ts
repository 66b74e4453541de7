import { quote } from '../../api/shell.ts';
import { reservedVariable } from './environment.ts';
import { shimVariable } from './shim.ts';
import type { Tools } from './tools.ts';

/** Starts a shell that reads a script from its standard input; the words after these are its arguments. */
export const readingShell = ({ sh }: Tools): string[] => [sh, '-s', '--'];

/**
 * Shell text for everything that a manifest or an agent chose: environment, working folder, umask. A process that still
 * runs as root must never have these, so a shell reads this text only after the change of user. Variables that a shell
 * cannot pass on are left out.
 */
export function setupScript(env: Readonly<Record<string, string>>, workingDir: string): string {
  const variables = Object.entries(env).filter(([name]) => !reservedVariable(name));
  return [
    `unset ${shimVariable}`,
    ...variables.map(([name, value]) => `export ${name}=${quote(value)}`),
    `cd -- ${quote(workingDir)} || exit`,
    'umask 022',
    'unset PWD OLDPWD SHLVL',
    '',
  ].join('\n');
}
