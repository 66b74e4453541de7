import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { type DiffOptions, diff } from '../diff/diff.ts';
import { diffSync } from '../diff/sync.ts';
import { examples } from '../examples.ts';
import { CliError, exitCode, tell } from '../failure.ts';
import { fileFlags } from '../file-flags.ts';
import { choice } from '../options.ts';

export function define(command: Command, cli: Cli): void {
  fileFlags(
    command.description(
      'Tell field by field how manifests, or the next revision of a sync, differ from what is, and what would restart. Exit code 0: the same, 1: different, over 1: it failed.',
    ),
  )
    .option('--sync <name>', 'what the newest revision of this sync would change')
    .option('--server-side', 'as it always is; taken for the sake of kubectl scripts')
    .option('--force-conflicts', 'as if fields that another manager owns were taken over')
    .option('--field-manager <name>', 'who would own the fields', 'agentctl')
    .addOption(choice('-o, --output <format>', 'how to print it', ['json']))
    .action((options: DiffOptions & { sync?: string }) =>
      (options.sync === undefined ? diff(options, cli) : diffSync(options.sync, options, cli)).catch(
        (error: unknown) => {
          const told = tell(error);
          if (told.exitCode !== exitCode.failed) throw error;
          throw new CliError(told.text.replace(/^error: /, ''), { exitCode: exitCode.trouble, cause: error });
        },
      ),
    );
  examples(
    command,
    ['Before an apply', 'agentctl diff -f agents.yaml'],
    ['Before a sync', 'agentctl diff --sync fleet'],
  );
}
