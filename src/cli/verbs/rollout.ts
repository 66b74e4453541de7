import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { choice, duration, wholeNumber } from '../options.ts';
import { type HistoryOptions, history } from '../rollout/history.ts';
import { type RolloutOptions, restart, status, undo } from '../rollout/rollout.ts';

export function define(command: Command, cli: Cli): void {
  command.description('Follow, restart or undo changes of an agent.');
  command
    .command('status')
    .description('Wait until a change has reached all instances; exit codes as wait')
    .argument('<agent>', 'web or agent/web')
    .option('--timeout <duration>', 'wait no longer than this', duration('--timeout'))
    .option('-w, --watch', 'wait for the end', true)
    .option('--no-watch', 'only tell how it stands')
    .action((name: string, options: RolloutOptions) => status(name, options, cli));
  command
    .command('history')
    .description('List the revisions of an agent')
    .argument('<agent>', 'web or agent/web')
    .option('--revision <number>', 'the spec of that revision', wholeNumber('--revision'))
    .addOption(choice('-o, --output <format>', 'how to print it', ['json', 'yaml']))
    .action((name: string, options: HistoryOptions) => history(name, options, cli));
  command
    .command('restart')
    .description('Replace all instances, as the update strategy of the policy says')
    .argument('<agent...>', 'web or agent/web')
    .option('-l, --selector <labels>', 'agents with these labels')
    .option('--all', 'all agents of the namespace')
    .action((names: string[], options: RolloutOptions) => restart(names, options, cli));
  command
    .command('undo')
    .description('Write the spec of an earlier revision back')
    .argument('<agent>', 'web or agent/web')
    .option('--to-revision <number>', 'which; without it the one before', wholeNumber('--to-revision'))
    .addOption(
      choice('--dry-run [where]', 'write nothing', ['none', 'server']).preset('server').default('none'),
    )
    .action((name: string, options: RolloutOptions) => undo(name, options, cli));
  examples(
    command,
    ['Wait for a change', 'agentctl rollout status web'],
    ['What was there before', 'agentctl rollout history web --revision=3'],
    ['Go back to it', 'agentctl rollout undo web --to-revision=3'],
  );
}
