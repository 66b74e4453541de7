import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { DriverError } from '../driver.ts';
import { isCode } from './layout.ts';

/** Programs of the host that the driver needs, by absolute path: the agent's PATH is the agent's. */
export interface Tools {
  sh: string;
  mkfifo: string;
  setsid: string;
  /** Only to change the user. */
  setpriv: string | undefined;
}

/**
 * A read of the 22 first fields of /proc/self/stat, by the shell itself: no process is made for it.
 * Variables that the shim sets bear a prefix, since one that the agent was given would be passed on with our value.
 */
const readSelf = `read -r agentctl_pid ${'agentctl_x '.repeat(20)}agentctl_start agentctl_x </proc/self/stat`;

/**
 * Runs one run to its end and leaves marks of it (see layout.ts). In a session of its own, as the spawner makes it.
 * $1: the folder of the marks. $2, $3: the output files. $4: the FIFO. $5: mkfifo. The rest: the command.
 * - The claim comes first: of two shims for one run, one ends here.
 * - The command runs in the foreground: a shell makes background commands ignore SIGINT.
 * - A redirection that fails for \`:\` or \`exec\` ends a POSIX shell, so each step runs only after those before it.
 * - The traps keep a stray signal from ending the shim; in the subshell they are back to their defaults.
 */
const script = `umask 077
trap : HUP INT QUIT TERM
set -C
: >"$1/claim"
set +C
${readSelf}
: >"$1/shim.$agentctl_pid.$agentctl_start"
[ -p "$4" ] || "$5" "$4" || exit
(
${readSelf}
exec <>"$4" >>"$2" 2>>"$3"
: >"$1/pid.$agentctl_pid.$agentctl_start"
umask 022
unset PWD OLDPWD SHLVL
shift 5
exec "$@"
)
agentctl_code=$?
for agentctl_x in "$1"/pid.*; do
agentctl_x=\${agentctl_x#"$1"/pid.}
kill -9 -- "-\${agentctl_x%.*}" 2>/dev/null
done
: >"$1/exit.$agentctl_code"
`;

export interface ShimStart {
  marks: string;
  out: string;
  err: string;
  fifo: string;
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  workingDir: string;
}

/** The shim lives on when the controller ends, and so does what it runs. */
export function startShim(tools: Tools, start: ShimStart): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    const argv = ['-c', script, 'agentctl-shim', start.marks, start.out, start.err, start.fifo, tools.mkfifo];
    const fail = (error: unknown): void => reject(startFailed(error));
    try {
      const child = spawn(tools.sh, [...argv, tools.setsid, ...start.command], {
        cwd: start.workingDir,
        env: start.env,
        detached: true,
        stdio: 'ignore',
      });
      child.once('error', fail);
      child.once('spawn', () => {
        child.unref();
        resolve(child);
      });
    } catch (error) {
      fail(error);
    }
  });
}

function startFailed(error: unknown): DriverError {
  const message = error instanceof Error ? error.message : String(error);
  if (isCode(error, 'E2BIG', 'ERR_INVALID_ARG_VALUE'))
    return new DriverError(
      'Terminal',
      'InvalidSpec',
      `the process cannot be given its arguments and environment: ${isCode(error, 'E2BIG') ? 'together they are too long' : 'they hold a NUL byte'}; shorten or correct template.args, env and envFrom`,
    );
  return new DriverError('Retryable', 'StartFailed', `the process could not be started: ${message}`, {
    cause: error,
  });
}

/** Throws Offline where this host lacks one. */
export function findTools(): Tools {
  const find = (name: string): string | undefined =>
    ['/usr/bin', '/bin', '/usr/local/bin'].map((folder) => `${folder}/${name}`).find(isExecutable);
  const need = (name: string): string => {
    const path = find(name);
    if (path === undefined)
      throw new DriverError(
        'Offline',
        'ToolMissing',
        `the process runtime needs the program ${name} of coreutils or util-linux on this host; install it`,
      );
    return path;
  };
  // dash starts in half the time of bash and leaves the environment as it is.
  const sh = find('dash') ?? need('sh');
  return { sh, mkfifo: need('mkfifo'), setsid: need('setsid'), setpriv: find('setpriv') };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
