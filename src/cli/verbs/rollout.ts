import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { choice, duration, wholeNumber } from '../options.ts';
import { type HistoryOptions, history } from '../rollout/history.ts';
import { type RolloutOptions, restart, status, undo } from '../rollout/rollout.ts';

export function define(command: Command, cli: Cli): void {
  command.description('Watch, restart and undo rollouts of agents.');
  command
    .command('status')
    .description('Wait until a rollout is complete. Exit codes are those of wait')
    .argument('<agent>', 'web or agent/web')
    .option('--timeout <duration>', 'time out after this long', duration('--timeout'))
    .option('-w, --watch', 'wait until the rollout is complete (default)', true)
    .option('--no-watch', 'only show the current status')
    .action((name: string, options: RolloutOptions) => status(name, options, cli));
  command
    .command('history')
    .description('List the revisions of an agent')
    .argument('<agent>', 'web or agent/web')
    .option('--revision <number>', 'show the spec of this revision', wholeNumber('--revision'))
    .addOption(choice('-o, --output <format>', 'the output format', ['json', 'yaml']))
    .action((name: string, options: HistoryOptions) => history(name, options, cli));
  command
    .command('restart')
    .description("Replace all instances by the policy's update strategy")
    .argument('<agent...>', 'web or agent/web')
    .option('-l, --selector <labels>', 'select agents with these labels')
    .option('--all', 'select all agents in the namespace')
    .action((names: string[], options: RolloutOptions) => restart(names, options, cli));
  command
    .command('undo')
    .description('Go back to an earlier revision')
    .argument('<agent>', 'web or agent/web')
    .option(
      '--to-revision <number>',
      'the revision to go back to (default: the previous one)',
      wholeNumber('--to-revision'),
    )
    .addOption(
      choice('--dry-run [where]', 'check only, change nothing', ['none', 'server'])
        .preset('server')
        .default('none'),
    )
    .action((name: string, options: RolloutOptions) => undo(name, options, cli));
  examples(
    command,
    ['Wait until a rollout is complete', 'agentctl rollout status web'],
    ['Show an earlier revision', 'agentctl rollout history web --revision=3'],
    ['Go back to it', 'agentctl rollout undo web --to-revision=3'],
  );
}
