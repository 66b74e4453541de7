import { existsSync } from 'node:fs';
import { UnreachableError } from '../api/errors.ts';
import { humanDuration } from '../api/time.ts';
import type { ControllerStatus, Listener } from '../client/streams.ts';
import { sleep } from '../platform/clock.ts';
import { ignoring } from '../platform/code.ts';
import { controllerLog } from '../platform/paths.ts';
import { isAlive, lockHolder, othersAnswer, type ServeOptions, startController } from './background.ts';
import type { Cli, GlobalOptions } from './cli.ts';
import { healLimitMs } from './connect.ts';
import { CliError, exitCode } from './failure.ts';
import { pasteable, pathsFor } from './flags.ts';
import { yamlText } from './print/output-format.ts';
import { type Text, when } from './print/shown.ts';
import { table } from './print/text-table.ts';

interface StopOptions extends GlobalOptions {
  agents?: boolean;
  timeout: number;
}

export async function start(options: ServeOptions, cli: Cli): Promise<void> {
  const { socket, logs } = pathsFor(options, cli.environment);
  const started = await startController(options, cli);
  if ('pid' in started)
    return cli.out(`controller started: pid ${started.pid}, socket ${socket}, log ${controllerLog(logs)}\n`);
  const { pid, version } = await (await cli.connect(options)).status();
  cli.out(`the controller is already running: pid ${pid}, version ${version}\n`);
}

export async function stop(options: StopOptions, cli: Cli): Promise<void> {
  const { pid, listen } =
    options.agents === true ? await forAgents(options, cli) : await running(options, cli);
  if (pid === undefined) return cli.out(notRunningText(options, cli));
  if (options.agents === true) {
    if (cli.terminal.err) cli.err('stopping all agents ...\n');
    const client = await cli.connect(options);
    await client.stopAgents();
    client.close();
    cli.out('all agents have ended\n');
  }
  await end(pid, options.timeout, cli);
  cli.out(`controller stopped: pid ${pid}${options.agents === true ? '' : '. Agents keep running'}\n`);
  if (listen !== undefined)
    cli.out(
      pasteable(
        `it also listened on ${listen}. To listen again: agentctl controller start --listen ${listen}\n`,
        cli,
      ),
    );
}

/**
 * Returns a controller that can stop agents. If none runs, agents may still run: then starts a controller that starts
 * no agents.
 */
async function forAgents(options: StopOptions, cli: Cli): Promise<Found> {
  const { state, database } = pathsFor(options, cli.environment);
  if (!(await othersAnswer(options, cli, healLimitMs))) {
    if (!existsSync(database)) return {};
    const started = await startController({ ...options, drained: true }, cli);
    if ('pid' in started)
      cli.err(
        `The controller was not running. It was started (pid ${started.pid}) to stop the agents of ${state}.\n`,
      );
  }
  return running(options, cli);
}

/** Describes what an ended controller left, because agents survive it. */
function notRunningText(options: GlobalOptions, cli: Cli): Text {
  if (!existsSync(pathsFor(options, cli.environment).database)) return 'the controller is not running\n';
  return pasteable(
    'the controller is not running. Its agents may still be running. To stop them: agentctl controller stop --agents. To manage them again: agentctl controller start\n',
    cli,
  );
}

export async function restart(options: StopOptions & ServeOptions, cli: Cli): Promise<void> {
  const { pid, listen } = await running(options, cli);
  if (pid !== undefined) await end(pid, options.timeout, cli);
  const kept = options.listen === undefined ? listen : undefined;
  const started = await startController(kept === undefined ? options : { ...options, listen: kept }, cli);
  const now = 'pid' in started ? started.pid : (await running(options, cli)).pid;
  const before = pid === undefined ? '' : `, before ${pid}`;
  const where = kept === undefined ? '' : `; it listens on ${kept} as before`;
  cli.out(`controller restarted: pid ${now}${before}${where}\n`);
}

interface Found {
  /** Absent if none runs. */
  pid?: number | undefined;
  /** The address on which it listens with TLS, as for --listen. */
  listen?: string | undefined;
}

/** Finds the controller by its response or, if it does not respond, by the lock of the state folder. */
export async function running(options: GlobalOptions, cli: Cli): Promise<Found> {
  try {
    const { pid, tls } = await (await cli.connect(options)).status();
    return { pid, listen: tls?.listen };
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
  }
  return { pid: lockHolder(pathsFor(options, cli.environment).lock) };
}

/** Sends SIGTERM and waits until the process has ended. */
export async function end(pid: number, timeout: number, cli: Cli): Promise<void> {
  if (!signalled(pid)) return;
  const deadline = cli.clock.now() + timeout;
  while (isAlive(pid)) {
    if (cli.clock.now() > deadline) {
      throw new CliError(
        `the controller (pid ${pid}) has not stopped within ${timeout / 1000}s: wait longer with --timeout, or stop it with kill -9 ${pid} (agents keep running)`,
        { exitCode: exitCode.timedOut },
      );
    }
    await sleep(cli.clock, 20, cli.signal);
    if (cli.signal.aborted) return;
  }
}

/** Returns false if the process has just ended, for example because two commands stop it concurrently. */
function signalled(pid: number): boolean {
  return ignoring(() => process.kill(pid, 'SIGTERM'), 'ESRCH') ?? false;
}

export async function status(options: GlobalOptions & { output?: 'json' | 'yaml' }, cli: Cli): Promise<void> {
  const { socket } = pathsFor(options, cli.environment);
  const found = await ask(options, cli);
  if (found === undefined) cli.exitCode = exitCode.notRunning;
  const answer = found === undefined ? { running: false, socket } : { running: true, socket, ...found };
  if (options.output === 'json') return cli.out(`${JSON.stringify(answer, null, 2)}\n`);
  if (options.output === 'yaml') return cli.out(await yamlText(answer));
  if (found === undefined) return cli.out(notRunningText(options, cli));
  cli.out(statusText(found, socket));
}

async function ask(options: GlobalOptions, cli: Cli): Promise<ControllerStatus | undefined> {
  try {
    return await (await cli.connect(options)).status();
  } catch (error) {
    const runs = lockHolder(pathsFor(options, cli.environment).lock) !== undefined;
    if (error instanceof UnreachableError && !runs) return undefined;
    throw error;
  }
}

/** If it listens on all addresses of its host, shows that too. */
const addressText = ({ address, listen }: Listener): string =>
  address === `https://${listen}` ? address : `${address}, listens on ${listen}`;

function statusText(found: ControllerStatus, socket: string): string {
  const { pid, version, startedAt, uptime, store, tls, agents, instances, runtimes } = found;
  const phases = Object.entries(instances).filter(([, count]) => count > 0);
  const head = table([
    ['Controller:', `running, pid ${pid}`],
    ['Version:', version],
    ['Up:', `${humanDuration(uptime)}, since ${when(startedAt)}`],
    ['Socket:', socket],
    ...(tls === undefined ? [] : [['Address:', addressText(tls)]]),
    ['Store:', `${store.path}, revision ${store.revision}`],
    ...(store.copyOf === undefined
      ? []
      : [['Copy of:', `${store.copyOf}; it now has the identity ${store.id}`]]),
    ['Agents:', `${agents.total}, ${agents.ready} Ready`],
    [
      'Instances:',
      phases.length === 0 ? 'none' : phases.map(([phase, count]) => `${count} ${phase}`).join(', '),
    ],
  ]);
  if (runtimes.length === 0) return `${head}Runtimes:     none\n`;
  const rows = runtimes.map(({ name, driver, ready, message, running, queued }) => [
    name,
    driver,
    ready ? 'True' : 'False',
    String(running),
    String(queued),
    message ?? '',
  ]);
  return `${head}\n${table([['RUNTIME', 'DRIVER', 'READY', 'RUNNING', 'QUEUED', 'MESSAGE'], ...rows])}`;
}
