import { UnreachableError } from '../../api/errors.ts';
import { sleep } from '../../platform/clock.ts';
import { controllerLog } from '../../platform/log-files.ts';
import { answers, type ServeOptions, startController } from '../background.ts';
import type { Cli } from '../cli.ts';
import { CliError, exitCode } from '../failure.ts';
import type { GlobalOptions } from '../options.ts';
import { pathsFor } from '../paths.ts';
import { isAlive, lockHolder } from './holder.ts';

export interface StopOptions extends GlobalOptions {
  agents?: boolean;
  timeout: number;
}

export async function start(options: ServeOptions, cli: Cli): Promise<void> {
  const { socket, logs } = pathsFor(options, cli.environment);
  if (await answers(socket)) {
    const { pid, version } = await (await cli.connect(options)).status();
    return cli.out(`the controller runs already: pid ${pid}, version ${version}\n`);
  }
  const pid = await startController(options, cli);
  cli.out(`controller started: pid ${pid}, socket ${socket}, log ${controllerLog(logs)}\n`);
}

export async function stop(options: StopOptions, cli: Cli): Promise<void> {
  const { pid, listen } = await running(options, cli);
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
  if (listen !== undefined)
    cli.out(`it listened on ${listen} too, as agentctl controller start --listen ${listen} does again\n`);
}

export async function restart(options: StopOptions & ServeOptions, cli: Cli): Promise<void> {
  const { pid, listen } = await running(options, cli);
  if (pid !== undefined) await end(pid, options.timeout, cli);
  const kept = options.listen === undefined ? listen : undefined;
  const started = await startController(kept === undefined ? options : { ...options, listen: kept }, cli);
  const before = pid === undefined ? '' : `, before ${pid}`;
  const where = kept === undefined ? '' : `; it listens on ${kept} as before`;
  cli.out(`controller restarted: pid ${started}${before}${where}\n`);
}

interface Found {
  /** Absent where none runs. */
  pid?: number | undefined;
  /** Where it listens with TLS, as for --listen. */
  listen?: string | undefined;
}

/** By its own answer; where it does not answer (any more), by the lock of the state folder. */
export async function running(options: GlobalOptions, cli: Cli): Promise<Found> {
  try {
    const { pid, tls } = await (await cli.connect(options)).status();
    return { pid, listen: tls?.listen };
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
  }
  return { pid: lockHolder(pathsFor(options, cli.environment).lock) };
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
