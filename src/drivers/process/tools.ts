import { accessSync, constants, realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { isCode } from '../../platform/code.ts';
import { DriverError } from '../driver.ts';
import { inheritableFiles } from './proc.ts';

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
