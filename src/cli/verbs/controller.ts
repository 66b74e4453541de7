import type { Command } from 'commander';
import type { ServeOptions } from '../background.ts';
import type { Cli } from '../cli.ts';
import { type ControllerLogsOptions, controllerLogs } from '../controller/logs.ts';
import { restart, start, stop } from '../controller/run.ts';
import { status } from '../controller/status.ts';
import { disable, enable } from '../controller/unit.ts';
import { examples } from '../examples.ts';
import { choice, durationOption, type GlobalOptions, wholeNumber } from '../options.ts';

const listen = [
  '--listen <host:port>',
  'also listen there for kubectl and webhooks, with TLS and bearer tokens',
] as const;

export function define(command: Command, cli: Cli): void {
  command.description('Start, stop and look after the controller in the background. Agents outlive it.');
  command
    .command('start')
    .description('Start the controller in the background, and wait until it answers')
    .option(...listen)
    .option('--adopt', 'the state folder was moved or restored: it is no copy, and keeps what runs for it')
    .action((options: ServeOptions) => start(options, cli));
  command
    .command('stop')
    .description('Stop the controller, and wait until it has ended. Agents run on, unless --agents.')
    .option('--agents', 'stop all agents first, those of a controller that has crashed too')
    .addOption(durationOption('--timeout <duration>', 'wait no longer than this', '60s'))
    .action((options: GlobalOptions & { agents?: boolean; timeout: number }) => stop(options, cli));
  command
    .command('restart')
    .description(
      'Stop the controller and start it again. Agents run on meanwhile. Without --listen it listens where it did.',
    )
    .addOption(durationOption('--timeout <duration>', 'wait no longer than this for its end', '60s'))
    .option(...listen)
    .action((options: ServeOptions & { timeout: number }) => restart(options, cli));
  command
    .command('status')
    .description('Tell whether the controller runs (exit code 3 where it does not), and what it looks after')
    .addOption(choice('-o, --output <format>', 'how to print it', ['json', 'yaml']))
    .action((options: GlobalOptions & { output?: 'json' | 'yaml' }) => status(options, cli));
  command
    .command('logs')
    .description(
      "Print the controller's own log, the files that it was moved to included: time, level, message, and fields as key=value",
    )
    .option('-f, --follow', 'go on with each new line')
    .option('--tail <lines>', 'only the last lines', wholeNumber('--tail'))
    .addOption(choice('-o, --output <format>', 'json: the lines as they are, with every field', ['json']))
    .option('--raw', 'as it is, control characters too')
    .action((options: ControllerLogsOptions) => controllerLogs(options, cli));
  command
    .command('enable')
    .description('Write a systemd unit that starts the controller at boot and keeps it running')
    .option('--print', 'only print the unit')
    .option(...listen)
    .action((options: ServeOptions & { print?: boolean }) => enable(options, cli));
  command
    .command('disable')
    .description('Remove the systemd unit again')
    .action((options: GlobalOptions) => disable(options, cli));
  examples(
    command,
    ['Is it up, and what does it look after?', 'agentctl controller status'],
    ['Stop everything, agents too', 'agentctl controller stop --agents'],
    ['At every boot', 'agentctl controller enable'],
  );
}
