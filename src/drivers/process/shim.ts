/** Holds the script in the environment of the shim, and of nothing else: in its arguments `ps` would show it all. */
export const shimVariable = 'agentctl_shim';

/**
 * A read of the 22 first fields of /proc/self/stat, by the shell itself: no process is made for it.
 * Variables that the shim sets bear a prefix, since one that the agent was given would be passed on with our value.
 */
const readSelf = `read -r agentctl_pid ${'agentctl_x '.repeat(20)}agentctl_start agentctl_x </proc/self/stat`;

/**
 * Runs one run to its end and leaves marks of it (see layout.ts). In a session of its own, as the launcher makes it.
 * $1: the folder of the marks. $2, $3: the output files. $4: the FIFO. $5: mkfifo, should there be none. $6: the working folder.
 * The rest: the command, which makes its own session.
 * - The claim comes first: of two shims for one run, one ends here.
 * - The command runs in the foreground: a shell makes background commands ignore SIGINT.
 * - A redirection that fails for \`:\` or \`exec\` ends a POSIX shell, so each step runs only after those before it.
 * - The traps keep a stray signal from ending the shim; in the subshell they are back to their defaults.
 */
export const shimScript = `unset ${shimVariable}
umask 077
trap : HUP INT QUIT TERM
set -C
: >"$1/claim"
set +C
${readSelf}
: >"$1/shim.$agentctl_pid.$agentctl_start"
[ -p "$4" ] || "$5" "$4" || [ -p "$4" ] || exit
(
${readSelf}
exec <>"$4" >>"$2" 2>>"$3"
cd -- "$6" || exit
: >"$1/pid.$agentctl_pid.$agentctl_start"
umask 022
unset PWD OLDPWD SHLVL
shift 6
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
  /** The FIFO is still to be made. */
  isNew: boolean;
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  workingDir: string;
}
