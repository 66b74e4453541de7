import { readFileSync } from 'node:fs';
import { UnreachableError } from '../../api/errors.ts';
import { sleep } from '../../platform/clock.ts';
import { answers, controllerLog, startController } from '../background.ts';
import type { Cli } from '../cli.ts';
import { pathsFor } from '../connect.ts';
import { CliError, exitCode } from '../failure.ts';
import type { GlobalOptions } from '../options.ts';

export interface StopOptions extends GlobalOptions {
  agents?: boolean;
  timeout: number;
}

export async function start(options: GlobalOptions, cli: Cli): Promise<void> {
  const { socket, logs } = pathsFor(options, cli.environment);
  if (await answers(socket)) {
    const { pid, version } = await (await cli.connect(options)).status();
    return cli.out(`the controller runs already: pid ${pid}, version ${version}\n`);
  }
  const pid = await startController(options, cli);
  cli.out(`controller started: pid ${pid}, socket ${socket}, log ${controllerLog(logs)}\n`);
}

export async function stop(options: StopOptions, cli: Cli): Promise<void> {
  const pid = await runningPid(options, cli);
  if (pid === undefined) return cli.out('the controller does not run\n');
  if (options.agents === true) {
    if (cli.terminal.err) cli.err('stopping all agents ...\n');
    const client = await cli.connect(options);
    await client.stopAgents();
    client.close();
    cli.out('all agents have ended\n');
  }
  await end(pid, options.timeout, cli);
  cli.out(`controller stopped: pid ${pid}${options.agents === true ? '' : '. Agents run on'}\n`);
}

export async function restart(options: StopOptions, cli: Cli): Promise<void> {
  const pid = await runningPid(options, cli);
  if (pid !== undefined) await end(pid, options.timeout, cli);
  const started = await startController(options, cli);
  cli.out(`controller restarted: pid ${started}${pid === undefined ? '' : `, before ${pid}`}\n`);
}

/** By its own answer; where it does not answer (any more), by the lock of the state folder. */
export async function runningPid(options: GlobalOptions, cli: Cli): Promise<number | undefined> {
  try {
    return (await (await cli.connect(options)).status()).pid;
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
  }
  const { lock } = pathsFor(options, cli.environment);
  const pid = lockedBy(lock);
  return pid !== undefined && isAlive(pid) && isController(pid) ? pid : undefined;
}

function lockedBy(lock: string): number | undefined {
  try {
    const [, pid] = /(\d+)/.exec(readFileSync(lock, 'utf8')) ?? [];
    return pid === undefined ? undefined : Number(pid);
  } catch {
    return undefined; // no lock: no controller
  }
}

/** A lock that was left behind may name a pid that is another program's by now. */
function isController(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('serve');
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // process.kill fails with nothing else
  }
}

/** SIGTERM, and waits until it has ended. */
export async function end(pid: number, timeout: number, cli: Cli): Promise<void> {
  process.kill(pid, 'SIGTERM');
  const deadline = cli.clock.now() + timeout;
  while (isAlive(pid)) {
    if (cli.clock.now() > deadline) {
      throw new CliError(
        `the controller (pid ${pid}) has not ended within ${timeout / 1000}s: wait longer with --timeout, or end it with kill -9 ${pid} (agents run on)`,
        { exitCode: exitCode.timedOut },
      );
    }
    await sleep(cli.clock, 20, cli.signal);
    if (cli.signal.aborted) return;
  }
}
