import type { Command } from 'commander';
import type { ServeOptions } from '../background.ts';
import type { Cli } from '../cli.ts';
import { type ControllerLogsOptions, controllerLogs } from '../controller/controller-logs.ts';
import { restart, start, stop } from '../controller/controller-process.ts';
import { status } from '../controller/controller-status.ts';
import { disable, enable } from '../controller/unit.ts';
import { examples } from '../examples.ts';
import { choice, durationOption, type GlobalOptions, wholeNumber } from '../global-options.ts';

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
