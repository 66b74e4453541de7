import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ownCommand } from '../../platform/own-command.ts';
import { type ServeOptions, serveArguments } from '../background.ts';
import type { Cli } from '../cli.ts';
import { CliError } from '../failure.ts';
import type { GlobalOptions } from '../options.ts';
import { end, running } from './run.ts';
import { unitText } from './unit-text.ts';

const unitName = 'agentctl.service';

interface Place {
  path: string;
  /** systemctl's arguments for this user's manager, or the system's. */
  scope: string[];
  root: boolean;
}

function placeOf({ environment }: Cli): Place {
  const root = process.getuid?.() === 0;
  const config = environment.XDG_CONFIG_HOME ?? join(homedir(), '.config');
  const folder = root ? '/etc/systemd/system' : join(config, 'systemd/user');
  return { path: join(folder, unitName), scope: root ? [] : ['--user'], root };
}

/** Writes the unit and enables it; where no systemd runs, says what to run where one does. */
export async function enable(options: ServeOptions & { print?: boolean }, cli: Cli): Promise<void> {
  const place = placeOf(cli);
  const text = unitText([...ownCommand(), ...serveArguments(options, cli.environment)], place.root);
  if (options.print === true) return cli.out(text);
  mkdirSync(join(place.path, '..'), { recursive: true });
  writeFileSync(place.path, text);
  cli.out(`wrote ${place.path}\n`);
  if (systemdRuns(place.scope)) await makeRoom(options, cli);
  const steps = [['daemon-reload'], ['enable', '--now', unitName]];
  if (carriedOut(steps, place, cli)) cli.out('the controller is running, and starts at boot\n');
  else if (!place.root) cli.out('to start it before you log in: loginctl enable-linger\n');
}

/** One that was started by hand holds the state folder's lock, which systemd's needs. */
async function makeRoom(options: GlobalOptions, cli: Cli): Promise<void> {
  const { pid } = await running(options, cli);
  if (pid === undefined) return;
  await end(pid, 60_000, cli);
  cli.out(
    `the controller that ran in the background (pid ${pid}) is replaced by the one that systemd runs; agents keep running\n`,
  );
}

export function disable(_options: GlobalOptions, cli: Cli): void {
  const place = placeOf(cli);
  if (!existsSync(place.path)) {
    cli.out(`${place.path} does not exist: nothing to disable\n`);
    return;
  }
  const stopped = carriedOut([['disable', '--now', unitName]], place, cli);
  rmSync(place.path);
  cli.out(`removed ${place.path}${stopped ? '; the controller has stopped, agents keep running' : ''}\n`);
  if (stopped) carriedOut([['daemon-reload']], place, cli);
}

/** False where systemd does not run here: then it says what to run instead. */
function carriedOut(steps: readonly string[][], { scope }: Place, cli: Cli): boolean {
  if (!systemdRuns(scope)) {
    cli.out('systemd is not running, or cannot be reached. On a host with systemd, run:\n');
    for (const step of steps) cli.out(`  systemctl ${[...scope, ...step].join(' ')}\n`);
    return false;
  }
  for (const step of steps) {
    try {
      execFileSync('systemctl', [...scope, ...step], { stdio: ['ignore', 'pipe', 'pipe'] });
    } catch (cause) {
      throw new CliError(`systemctl ${[...scope, ...step].join(' ')} failed: ${stderrOf(cause)}`, { cause });
    }
  }
  return true;
}

function systemdRuns(scope: readonly string[]): boolean {
  try {
    execFileSync('systemctl', [...scope, 'show', '--property=Version'], { stdio: 'ignore' });
    return existsSync('/run/systemd/system');
  } catch {
    return false; // not installed, or no manager of this user
  }
}

const stderrOf = (cause: unknown): string =>
  cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause);
