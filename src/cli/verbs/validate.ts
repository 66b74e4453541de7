import type { Command } from 'commander';
import { withDefaults } from '../../api/shape.ts';
import { warningsOf } from '../../api/warnings.ts';
import type { Cli } from '../cli.ts';
import { examples, fileFlags } from '../flags.ts';
import { type FileOptions, readManifests } from '../read-manifests.ts';

export function define(command: Command, cli: Cli): void {
  fileFlags(
    command.description('Check manifests without a controller, and show all errors of all documents.'),
  ).action(async (options: FileOptions) => {
    const manifests = await readManifests(options, cli);
    for (const { info, object, text } of manifests)
      for (const warning of warningsOf(info.kind, withDefaults(info.schema, object)))
        cli.err(`Warning: ${text}: ${warning}\n`);
    cli.out(manifests.map(({ text }) => `${text} valid\n`).join(''));
  });
  examples(
    command,
    ['A file', 'agentctl validate -f agents.yaml'],
    ['A folder and its subfolders, as in a commit hook', 'agentctl validate -R -f manifests/'],
  );
}
