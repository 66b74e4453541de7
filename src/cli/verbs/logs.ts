import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { type LogsOptions, logs } from '../logs/logs.ts';
import { duration, wholeNumber } from '../options.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      "Show the output of an agent's instances: standard output and standard error. Of one that speaks acp: what was said and done, and its standard error. Control characters, colours among them, are shown as \\u001b, also in a pipe.",
    )
    .argument('[agent]', 'web or agent/web: all its instances; instance/web-0: that one')
    .option('-f, --follow', 'go on with each new line')
    .option('-p, --previous', 'what came before the newest start')
    .option(
      '--since <duration>',
      'only what is younger, as in 10m; of a process, whose lines have no times, whole runs',
      duration('--since'),
    )
    .option('--since-time <time>', 'only what came after an RFC 3339 time')
    .option('--tail <lines>', 'only the last lines of each instance; -1 is all', wholeNumber('--tail'))
    .option(
      '--raw',
      "the output as it is: control characters too, and the protocol's lines in place of what they say",
    )
    .option('--timestamps', 'begin each line with its time; - where none is kept, as for a process')
    .option('--prefix', "begin each line with the instance's name (the default for more than one)")
    .option('--no-prefix', 'never begin lines with a name')
    .option('-l, --selector <labels>', 'instances with these labels, such as agentctl.dev/agent=web')
    .action((name: string | undefined, options: LogsOptions) => logs(name, options, cli));
  examples(
    command,
    ['All that an agent says from now on', 'agentctl logs web -f --tail=20'],
    ['Why it ended the last time', 'agentctl logs instance/web-0 --previous'],
  );
}
