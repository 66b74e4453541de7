import { quote } from '../../api/shell.ts';
import { reservedVariable } from './environment.ts';
import type { Tools } from './tools.ts';

/** The name of the attempt to start a run: of one that was given up no shim begins later. */
export const attemptVariable = 'agentctl_attempt';

/** Holds the script in the environment of the shim, and of nothing else: in its arguments `ps` would show it all. */
export const shimVariable = 'agentctl_shim';

/** The folder of the run's cgroup; empty where it has none. */
export const cgroupVariable = 'agentctl_cgroup';

/**
 * A read of the 22 first fields of /proc/self/stat, by the shell itself: no process is made for it.
 * Variables that the shim sets bear a prefix, since one that the agent was given would be passed on with our value.
 */
const readSelf = `read -r agentctl_pid ${'agentctl_x '.repeat(20)}agentctl_start agentctl_x </proc/self/stat`;

/**
 * Runs one run to its end and leaves marks of it (see layout.ts), in a session of its own, as the launcher makes it. It may
 * run as root, so its environment holds nothing of the manifest. What the manifest chose is a script on file descriptor 3
 * (see setup.ts), which is read once the user has changed.
 * $1: the folder of the marks. $2, $3: FIFOs, the output. $4: the input, a FIFO or /dev/null. $5: mkfifo, for those that are
 * missing. $6: setsid. $7: sleep. $8: \`same\`, or the uid and gid of another user. $9: chown. The rest: the command; for another
 * user its words change the user and start a shell that reads the script from its standard input and finds the input on
 * file descriptor 4.
 * - The claim comes first: of two shims for one run, one ends here. So does one of an attempt that was given up, whose
 *   folder was made anew: in the old one, which is gone, no file can be made.
 * - The command runs in the foreground: a shell makes background commands ignore SIGINT.
 * - A redirection that fails for \`:\`, \`.\` or \`exec\` ends a POSIX shell, so each step runs only after those before it.
 * - The shim keeps the output open, so that the program never sees a broken pipe and nothing is lost while no collector is
 *   there. For writing too, until the exit is written: an end of the output before that is none. The program gets it for
 *   writing alone, as Python's asyncio asks for, and no other file.
 * - At last the shim waits until all output was read: the collector kills it then, where its mark came too late to be
 *   seen. A process that only sleeps makes no others, which whoever ends the run would have to look for.
 * - The traps keep a stray signal from ending the shim; in the subshell they are back to their defaults.
 * - The command moves into the run's cgroup, the shim does not: what is left there at the end is killed, and the shim lives on
 *   to write the exit down. Where the command cannot move, it leaves the mark \`escaped\`.
 * - When memory runs out, the kernel ends agents before the controller.
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
  /** The shim begins only where its mark `start.ATTEMPT` is. */
  attempt: string;
  out: string;
  err: string;
  /** A FIFO, or /dev/null. */
  input: string;
  /** FIFOs that are still to be made. */
  missing: readonly string[];
  identity: { uid: string; run: number };
  /** Another user than the controller's: the words that change to it, and its uid and gid as chown takes them. */
  user: { words: readonly string[]; owner: string } | undefined;
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  workingDir: string;
  cgroup: string | undefined;
}

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
