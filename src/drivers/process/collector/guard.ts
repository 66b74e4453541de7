import { spawn } from 'node:child_process';
import { type Tools, withoutInherited } from '../tools.ts';

/** Tells it from a process that cleared its environment. */
const marker = 'AGENTCTL_COLLECTOR';

/**
 * Makes the FIFO $1, and starts the command until it ends by itself, or the FIFO is gone as the state folder was deleted or
 * renamed. So a kill of the collector stops it for a second, with no controller there either.
 * $2: mkfifo. $3: sleep. $4: takes what the command says about its end. The rest: the command.
 */
const script = `umask 077
[ -p "$1" ] || "$2" "$1" || [ -p "$1" ] || exit
agentctl_fifo=$1
agentctl_sleep=$3
agentctl_said=$4
shift 4
until "$@" 2>"$agentctl_said" || [ ! -p "$agentctl_fifo" ]
do "$agentctl_sleep" 1
done`;

/** Starts a collector with its guard in a session of their own. They live on by themselves. */
export function startGuard(
  tools: Tools,
  options: { fifo: string; said: string; command: readonly string[] },
): void {
  const args = [options.fifo, tools.mkfifo, tools.sleep, options.said, ...options.command];
  const guard = [tools.sh, '-c', script, 'agentctl-collector', ...args];
  const [program = tools.sh, ...rest] = withoutInherited(tools, guard);
  const child = spawn(program, rest, {
    cwd: '/',
    env: { [marker]: '1' },
    detached: true,
    stdio: 'ignore',
  });
  child.on('error', () => {}); // it is started again, as nobody reads the FIFO
  child.unref();
}
