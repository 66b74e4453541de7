import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { type DiffOptions, diff } from '../diff/diff.ts';
import { diffSync } from '../diff/sync.ts';
import { examples } from '../examples.ts';
import { CliError, describeFailure, exitCode } from '../failure.ts';
import { fileFlags } from '../file-flags.ts';
import { choice } from '../options.ts';

export function define(command: Command, cli: Cli): void {
  fileFlags(
    command.description(
      'Show the differences between manifests, or the next revision of a sync, and the current state, field by field, and what would restart. The exit code is 0 without differences, 1 with differences, and greater than 1 after an error.',
    ),
  )
    .option('--sync <name>', 'show what the newest revision of this sync would change')
    .option('--server-side', 'has no effect, as it is always on; for kubectl scripts')
    .option('--force-conflicts', 'show the changes if fields of other field managers were taken over')
    .option('--field-manager <name>', 'the field manager that would own the fields', 'agentctl')
    .addOption(choice('-o, --output <format>', 'the output format', ['json']))
    .action((options: DiffOptions & { sync?: string }) =>
      (options.sync === undefined ? diff(options, cli) : diffSync(options.sync, options, cli)).catch(
        (error: unknown) => {
          const failure = describeFailure(error);
          if (failure.exitCode !== exitCode.failed) throw error;
          throw new CliError(failure.text.replace(/^error: /, ''), {
            exitCode: exitCode.trouble,
            cause: error,
          });
        },
      ),
    );
  examples(
    command,
    ['Before an apply', 'agentctl diff -f agents.yaml'],
    ['Before a sync', 'agentctl diff --sync fleet'],
  );
}
