import { UnreachableError } from '../../api/errors.ts';
import { humanDuration } from '../../api/time.ts';
import type { ControllerStatus, Listener } from '../../client/streams.ts';
import type { Cli } from '../cli.ts';
import { exitCode } from '../failure.ts';
import type { GlobalOptions } from '../global-options.ts';
import { yamlText } from '../print/print-objects.ts';
import { table } from '../print/text-table.ts';
import { when } from '../print/when.ts';
import { pathsFor } from '../state-paths.ts';
import { notRunningText } from './controller-process.ts';
import { lockHolder } from './holder.ts';

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
