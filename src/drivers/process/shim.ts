import { quote } from '../../api/text.ts';
import { reservedVariable, type Tools } from './process-host.ts';

/** The name of the attempt to start a run. A shim of an attempt that was given up does not begin later. */
export const attemptVariable = 'agentctl_attempt';

/** Holds the script in the environment of the shim only: as an argument, `ps` would show all of it. */
export const shimVariable = 'agentctl_shim';

/** The folder of the run's cgroup; empty if it has none. */
export const cgroupVariable = 'agentctl_cgroup';

/**
 * Reads the first 22 fields of /proc/self/stat in the shell itself, without another process. Variables that the shim
 * sets have a prefix: otherwise a variable of the agent with that name would be exported with our value.
 */
const readSelf = `read -r agentctl_pid ${'agentctl_x '.repeat(20)}agentctl_start agentctl_x </proc/self/stat`;

/**
 * Runs one run to its end and leaves marks of it (see layout.ts), in a session of its own, which the launcher
 * creates. It may run as root, so its environment has nothing from the manifest. What the manifest chose is in a script
 * on file descriptor 3 (see setupScript), which is read only after the change of user.
 *
 * $1: the folder of the marks. $2, $3: FIFOs, the output. $4: the input, a FIFO or /dev/null. $5: mkfifo, for missing
 * FIFOs. $6: setsid. $7: sleep. $8: `same`, or the uid and gid of another user. $9: chown. The rest: the command; for
 * another user, its words change the user and start a shell that reads the script from its standard input and finds the
 * input on file descriptor 4.
 * - The claim comes first: of two shims for one run, one ends here. So does a shim of an attempt that was given up,
 *   whose folder was created again: in the old folder, which is gone, no file can be created.
 * - The command runs in the foreground: a shell makes background commands ignore SIGINT.
 * - A redirection that fails for `:`, `.` or `exec` ends a POSIX shell, so each step runs only after the previous
 *   ones.
 * - The shim keeps the output open, so that the program never sees a broken pipe and nothing is lost without a
 *   collector. It also keeps it open for writing until the exit is written, because a pipe without a writer would look
 *   ended. The program gets it write-only, as Python's asyncio requires, and no other file.
 * - Finally the shim waits until all output was read: the collector kills it then, if the collector's mark came too
 *   late for the shim to see it. It waits in a process that only sleeps and creates no others, which would have to be
 *   found at the end of the run.
 * - The traps keep a stray signal from ending the shim; the subshell resets them to their defaults.
 * - The command moves into the run's cgroup, the shim does not: what is left in the cgroup at the end is killed, and
 *   the shim survives to record the exit. If the command cannot move, it leaves the mark `escaped`.
 * - When memory runs out, the kernel kills agents before the controller.
 */
export const shimScript = `${shimVariable}=starting
umask 077
trap : HUP INT QUIT TERM
cd "$1" || exit
[ -e "start.$agentctl_attempt" ] || exit
set -C
: >claim
set +C
cd /
${readSelf}
: >"$1/shim.$agentctl_pid.$agentctl_start"
for agentctl_x in "$2" "$3" "$4"; do
[ -p "$agentctl_x" ] || [ -c "$agentctl_x" ] || "$5" "$agentctl_x" || [ -p "$agentctl_x" ] || exit
done
[ "$8" = same ] || "$9" "$8" "$2" "$3" || exit
exec 5<>"$2" 6<>"$3"
(
${readSelf}
echo 100 2>/dev/null >/proc/self/oom_score_adj
[ -z "$agentctl_cgroup" ] || echo 0 2>/dev/null >"$agentctl_cgroup/cgroup.procs" || : >"$1/escaped"
unset agentctl_cgroup agentctl_attempt
exec 4<>"$4" >"$2" 2>"$3" 5<&- 6<&-
if [ "$8" = same ]; then
. /proc/self/fd/3
exec <&4 4<&- 3<&-
else
exec <&3 3<&-
fi
: >"$1/pid.$agentctl_pid.$agentctl_start"
agentctl_x=$6
shift 9
exec "$agentctl_x" "$@"
)
agentctl_code=$?
for agentctl_x in "$1"/pid.*; do
agentctl_x=\${agentctl_x#"$1"/pid.}
kill -9 -- "-\${agentctl_x%.*}" 2>/dev/null
done
if [ -n "$agentctl_cgroup" ]; then
echo 1 2>/dev/null >"$agentctl_cgroup/cgroup.kill" || while read -r agentctl_pid; do
[ "$agentctl_pid" -eq 0 ] || kill -9 "$agentctl_pid"
done 2>/dev/null <"$agentctl_cgroup/cgroup.procs"
fi
: >"$1/exit.$agentctl_code"
exec 7<"$2" 8<"$3" 5<&- 6<&-
[ -e "\${2%out}log/drained" ] || exec "$7" 2147483647
`;

export interface ShimStart {
  marks: string;
  /** The shim begins only if its mark `start.ATTEMPT` exists. */
  attempt: string;
  out: string;
  err: string;
  /** A FIFO, or /dev/null. */
  input: string;
  /** FIFOs that must still be created. */
  missing: readonly string[];
  identity: { uid: string; run: number };
  /** A user other than the controller's: the words that change to it, and its uid and gid as chown takes them. */
  user: { words: readonly string[]; owner: string } | undefined;
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  workingDir: string;
  cgroup: string | undefined;
}

/**
 * Returns the command of a shell that reads a script from its standard input; words after it are the script's
 * arguments.
 */
export const readingShell = ({ sh }: Tools): string[] => [sh, '-s', '--'];

/**
 * Returns shell text that sets everything that a manifest or an agent chose: environment, working folder, umask. A
 * process that still runs as root must never have these, so a shell reads this text only after the change of user.
 * Variables that a shell cannot export are left out.
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
