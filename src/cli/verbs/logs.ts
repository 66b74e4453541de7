import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { logs } from '../logs/logs.ts';
import type { LogsOptions } from '../logs/options.ts';
import { duration, wholeNumber } from '../options.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Show the logs of agents: standard output and standard error of their instances, merged and ordered by time. For an agent with the protocol acp, show its conversations and its standard error. With -f, continue across restarts until Ctrl-C, and report restarts on standard error, in lines that begin with ---. Control characters, including colors, are shown as \\u001b, also in a pipe; --raw prints them as they are.',
    )
    .argument('[agents...]', 'web or agent/web for all its instances, instance/web-0 for one')
    .option('-f, --follow', 'follow new lines, including those of new runs and instances')
    .option('-p, --previous', 'the last run that has ended')
    .option('--since <duration>', 'only lines newer than this, such as 10m', duration('--since'))
    .option('--since-time <time>', 'only lines after this RFC 3339 time')
    .option('--tail <lines>', 'only the last lines of each instance; -1 for all', wholeNumber('--tail'))
    .option('--raw', 'print the output unchanged, with control characters and protocol messages')
    .option('--timestamps', 'begin each line with its time, or - if it is unknown')
    .option('--prefix', "begin each line with the instance's name (default if there are several)")
    .option('--no-prefix', 'do not begin lines with a name')
    .option(
      '-l, --selector <labels>',
      'select agents with these labels, or instances, such as agentctl.dev/agent=web',
    )
    .option('--all', 'select all agents in the namespace')
    .option('-A, --all-namespaces', 'in all namespaces')
    .option(
      '--max-log-requests <count>',
      'the maximum number of instances to read at once',
      wholeNumber('--max-log-requests'),
      100,
    )
    .action((names: string[], options: LogsOptions) => logs(names, options, cli));
  examples(
    command,
    ['The last 20 lines, and new ones as they come', 'agentctl logs web -f --tail=20'],
    ['Two agents, or all agents of a team', 'agentctl logs web db -f; agentctl logs -l team=shop -f'],
    ['The output of the last run that has ended', 'agentctl logs web --previous'],
  );
}
