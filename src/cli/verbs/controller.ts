import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { ownCommand } from '../../platform/own-command.ts';
import { type ServeOptions, serveArguments } from '../background.ts';
import type { Cli, GlobalOptions } from '../cli.ts';
import { type ControllerLogsOptions, controllerLogs } from '../controller-logs.ts';
import { end, restart, running, start, status, stop } from '../controller-process.ts';
import { CliError } from '../failure.ts';
import { choice, durationOption, examples, wholeNumber } from '../flags.ts';

const listen = [
  '--listen <host:port>',
  'also listen on this address, with TLS and bearer tokens, for kubectl and webhooks',
] as const;

export function define(command: Command, cli: Cli): void {
  command.description(
    'Start, stop and check the controller in the background. Agents keep running without it.',
  );
  command
    .command('start')
    .description('Start the controller in the background and wait until it answers')
    .option(...listen)
    .option('--adopt', 'the state folder was moved or restored, not copied: take over its running agents')
    .action((options: ServeOptions) => start(options, cli));
  command
    .command('stop')
    .description(
      'Stop the controller and wait until it has ended. Agents keep running, unless --agents is given',
    )
    .option('--agents', 'stop all agents first, also those of a controller that has crashed')
    .addOption(durationOption('--timeout <duration>', 'time out after this long', '60s'))
    .action((options: GlobalOptions & { agents?: boolean; timeout: number }) => stop(options, cli));
  command
    .command('restart')
    .description(
      'Stop the controller and start it again. Agents keep running. Without --listen, it listens on the same address as before',
    )
    .addOption(durationOption('--timeout <duration>', 'time out after this long', '60s'))
    .option(...listen)
    .action((options: ServeOptions & { timeout: number }) => restart(options, cli));
  command
    .command('status')
    .description('Show whether the controller runs, and a summary. The exit code is 3 if it does not run')
    .addOption(choice('-o, --output <format>', 'the output format', ['json', 'yaml']))
    .action((options: GlobalOptions & { output?: 'json' | 'yaml' }) => status(options, cli));
  command
    .command('logs')
    .description(
      'Show the log of the controller, including rotated files: time, level, message, and fields as key=value',
    )
    .option('-f, --follow', 'follow new lines')
    .option('--tail <lines>', 'only the last lines, such as 20', wholeNumber('--tail'))
    .addOption(choice('-o, --output <format>', 'json prints the lines unchanged, with all fields', ['json']))
    .option('--raw', 'print the log unchanged, with control characters')
    .action((options: ControllerLogsOptions) => controllerLogs(options, cli));
  command
    .command('enable')
    .description('Install a systemd unit that starts the controller at boot and keeps it running')
    .option('--print', 'print the unit, install nothing')
    .option(...listen)
    .action((options: ServeOptions & { print?: boolean }) => enable(options, cli));
  command
    .command('disable')
    .description('Remove the systemd unit')
    .action((options: GlobalOptions) => disable(options, cli));
  examples(
    command,
    ['Show whether the controller runs', 'agentctl controller status'],
    ['Stop the controller and all agents', 'agentctl controller stop --agents'],
    ['Start the controller at boot', 'agentctl controller enable'],
  );
}

const unitName = 'agentctl.service';

interface Place {
  path: string;
  /** systemctl's arguments for this user's manager, or for the system's. */
  scope: string[];
  root: boolean;
}

function placeOf({ environment }: Cli): Place {
  const root = process.getuid?.() === 0;
  const config = environment.XDG_CONFIG_HOME ?? join(homedir(), '.config');
  const folder = root ? '/etc/systemd/system' : join(config, 'systemd/user');
  return { path: join(folder, unitName), scope: root ? [] : ['--user'], root };
}

/** Writes the unit and enables it. If systemd is not running, prints the commands to run on a host with systemd. */
async function enable(options: ServeOptions & { print?: boolean }, cli: Cli): Promise<void> {
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

/** A controller that was started by hand holds the state folder's lock, which systemd's controller needs. */
async function makeRoom(options: GlobalOptions, cli: Cli): Promise<void> {
  const { pid } = await running(options, cli);
  if (pid === undefined) return;
  await end(pid, 60_000, cli);
  cli.out(
    `the controller that ran in the background (pid ${pid}) is replaced by the one that systemd runs; agents keep running\n`,
  );
}

function disable(_options: GlobalOptions, cli: Cli): void {
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

/** Returns false if systemd is not running here: then prints the commands to run. */
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
    return false; // not installed, or this user has no manager
  }
}

const stderrOf = (cause: unknown): string =>
  cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause);

/** Quotes a word for ExecStart=, in which systemd expands %, $ and quotes (systemd.service(5), "Command lines"). */
export const quoted = (word: string): string =>
  `"${word
    .replace(/["\\]/g, (character) => `\\${character}`)
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$')}"`;

/**
 * Agents on `process` inherit all settings of the unit, so it has only settings that do not restrict them:
 *
 * - ProtectSystem=full or strict, PrivateTmp and the like would make /etc and more read-only, or replace /tmp, also for
 *   agents. Mounts over parts of /proc and /sys (ProtectKernelTunables, -Logs, ProtectControlGroups) make the kernel
 *   refuse a new /proc in agents' own sandboxes and rootless containers.
 * - ProtectClock blocks devices such as GPUs. ProtectHostname, LockPersonality, RestrictSUIDSGID and
 *   SystemCallArchitectures block calls of nested containers, debuggers, package managers and 32-bit programs.
 * - In a user's own manager, each system call filter implies NoNewPrivileges, which breaks rootless Podman and sudo;
 *   ProtectSystem would need user namespaces there.
 */
export function unitText(command: readonly string[], system: boolean): string {
  return `[Unit]
Description=agentctl controller
After=network-online.target docker.service
Wants=network-online.target

[Service]
ExecStart=${command.map(quoted).join(' ')}
Restart=always
RestartSec=1
# Stopping the controller does not stop its agents.
KillMode=process
# The controller holds a few files open for each agent; agents have the usual limit.
LimitNOFILE=524288
Environment=AGENTCTL_FILES=1024
# The controller makes a cgroup for each run of a process.
Delegate=yes
TimeoutStopSec=60
# Only this user can read the store, the socket and the logs. Agents have the umask 022.
UMask=0077
# Core dumps can hold Secrets. Agents inherit the limit; raise it with systemctl edit to debug them.
LimitCORE=0
${system ? systemOnly : ''}
[Install]
WantedBy=${system ? 'multi-user.target' : 'default.target'}
`;
}

const systemOnly = `# An agent that runs as another user cannot become root through sudo or another setuid program.
NoNewPrivileges=yes
# An agent that runs as root cannot load kernel modules, read ports or physical memory, set the clock, or reboot.
CapabilityBoundingSet=~CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_TIME CAP_SYS_BOOT
# No agent can take real-time priority over all other programs.
RestrictRealtime=yes
# An agent that runs as root cannot replace programs of the system: /usr and /boot are read-only.
ProtectSystem=yes
# The kernel's keyring is not shared with sessions of root.
KeyringMode=private
`;
