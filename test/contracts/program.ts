/** What a contract test wants to run. A real driver runs it by `sh`; the fake plays it. */
export interface Program {
  /** Lines to stdout, then lines to stderr. */
  prints?: readonly string[];
  complains?: readonly string[];
  /** Prints `start <n>`, counted in a file of the instance's own file system. */
  countsStarts?: boolean;
  /** Prints what this file holds. */
  reads?: string;
  /** Prints `<name>=<value>`. */
  printsVariable?: string;
  /** Prints the numbers from 1 to this, a line each. */
  counts?: number;
  /** Prints a line of so many x. */
  printsLong?: number;
  /** Prints a beginning of a line, without its newline. */
  printsHalf?: string;
  /** Prints `got <line>` for each line that it reads, but empty ones; `exit <code>` ends it. */
  echoes?: true;
  /** Leaves a process that ignores SIGTERM: a child, one in a session of its own, or one whose parent has ended. */
  leaves?: 'Child' | 'Session' | 'Daemon';
  /** Reads its input to the end, and prints `end of input` then. */
  readsToEnd?: true;
  /** The exit code. Absent: runs on until it is told to end. */
  ends?: number;
  /** The exit code after SIGTERM (0), unless it ignores that. */
  onTerm?: number | 'Ignore';
}

const echo = `while IFS= read -r line; do
case $line in
'') ;;
'exit '*) exit "\${line#exit }" ;;
*) printf 'got %s\\n' "$line" ;;
esac
done`;

/** The program for `sh -c`. `marker` is a number of seconds that nothing else sleeps for: it finds what was left. */
export function script(program: Program, marker: string): string {
  const ignoring = `trap '' TERM; exec sleep ${marker}`;
  const leave = {
    Child: `sh -c "${ignoring}" &`,
    Session: `setsid sh -c "${ignoring}" &`,
    Daemon: `( ( setsid sh -c "${ignoring}" & ) & )`,
  };
  return [
    // Before anything else, so that no signal comes too early.
    program.onTerm === 'Ignore' ? `trap '' TERM` : `trap 'exit ${program.onTerm ?? 0}' TERM`,
    ...(program.leaves === undefined ? [] : [leave[program.leaves]]),
    ...(program.countsStarts ? ['echo x >>starts', 'echo "start $(($(wc -l <starts)))"'] : []),
    ...(program.reads === undefined ? [] : [`cat '${program.reads}'; echo`]),
    ...(program.printsVariable === undefined
      ? []
      : [`echo "${program.printsVariable}=$${program.printsVariable}"`]),
    ...(program.prints ?? []).map((line) => `echo '${line}'`),
    ...(program.complains ?? []).map((line) => `echo '${line}' >&2`),
    ...(program.counts === undefined ? [] : [`seq 1 ${program.counts}`]),
    ...(program.printsLong === undefined
      ? []
      : [`head -c ${program.printsLong} /dev/zero | tr '\\0' x; echo`]),
    ...(program.printsHalf === undefined ? [] : [`printf %s '${program.printsHalf}'`]),
    ...(program.echoes ? [echo] : []),
    ...(program.readsToEnd ? ['cat >/dev/null; echo end of input'] : []),
    program.ends === undefined ? 'while :; do sleep 1 & wait $!; done' : `exit ${program.ends}`,
  ].join('\n');
}
