import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { logs } from '../logs/logs.ts';
import type { LogsOptions } from '../logs/options.ts';
import { duration, wholeNumber } from '../options.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Show the output of agents: standard output and standard error of their instances, in one stream ordered by time. Of one that speaks acp: what was said and done, and its standard error. With -f it goes on over restarts, moves and wakes until Ctrl-C; lines that begin with --- tell of them, on standard error. Control characters, colours among them, are shown as \\u001b, also in a pipe.',
    )
    .argument('[agents...]', 'web or agent/web: all its instances; instance/web-0: that one')
    .option('-f, --follow', 'go on with each new line, of new runs and new instances too')
    .option(
      '-p, --previous',
      'only the run that ended last: the newest one, or while that runs the one before it',
    )
    .option('--since <duration>', 'only what is younger, as in 10m', duration('--since'))
    .option('--since-time <time>', 'only what came after an RFC 3339 time')
    .option('--tail <lines>', 'only the last lines of each instance; -1 is all', wholeNumber('--tail'))
    .option(
      '--raw',
      "the output as it is: control characters too, and the protocol's lines in place of what they say",
    )
    .option('--timestamps', 'begin each line with its time; - where none is kept')
    .option('--prefix', "begin each line with the instance's name (the default for more than one)")
    .option('--no-prefix', 'never begin lines with a name')
    .option('-l, --selector <labels>', 'agents with these labels; or instances, as agentctl.dev/agent=web')
    .option('--all', 'all agents of the namespace')
    .option('-A, --all-namespaces', 'agents of all namespaces')
    .option(
      '--max-log-requests <count>',
      'read no more instances than this at once',
      wholeNumber('--max-log-requests'),
      100,
    )
    .action((names: string[], options: LogsOptions) => logs(names, options, cli));
  examples(
    command,
    ['All that an agent says from now on', 'agentctl logs web -f --tail=20'],
    ['Two agents, or all of a team, in one stream', 'agentctl logs web db -f; agentctl logs -l team=shop -f'],
    ['Why it ended the last time', 'agentctl logs web --previous'],
  );
}
