import type { Command } from 'commander';
import { apply } from '../apply/apply.ts';
import type { ApplyOptions } from '../apply/options.ts';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { fileFlags } from '../file-flags.ts';
import { choice, durationOption } from '../options.ts';

export function define(command: Command, cli: Cli): void {
  fileFlags(
    command.description(
      'Make the objects in files, folders or URLs so. Nothing is written if any document of the set is wrong.',
    ),
  )
    .addOption(
      choice('--dry-run [where]', 'write nothing', ['none', 'client', 'server'])
        .preset('client')
        .default('none'),
    )
    .option('--server-side', 'as it always is; taken for the sake of kubectl scripts')
    .option('--force-conflicts', 'take over fields that another manager owns')
    .option('--field-manager <name>', 'who owns the fields that are written', 'agentctl')
    .option(
      '--applyset <name>',
      'keep the list of members in this object: secret/name, configmap/name, or a name of a Secret',
    )
    .option('--prune', 'delete members of the apply set that the files no longer name')
    .option('--watch', 'apply again on each change of the files, until Ctrl-C')
    .option('--wait', 'wait until the agents are Ready')
    .addOption(
      durationOption(
        '--timeout <duration>',
        'wait no longer than this, for objects that are being deleted too',
        '2m',
      ),
    )
    .addOption(choice('-o, --output <format>', 'how to print it', ['name', 'json', 'yaml']))
    .action(async (options: ApplyOptions) => {
      if (options.watch !== true) return apply(options, cli);
      const { applyAndWatch } = await import('../apply/watch.ts');
      await applyAndWatch(options, cli);
    });
  examples(
    command,
    ['A file', 'agentctl apply -f agents.yaml'],
    ['A folder with all below it, and wait until all runs', 'agentctl apply -R -f manifests/ --wait'],
    ['A folder, and again whenever a file in it is saved', 'agentctl apply -f manifests/ --watch'],
    ['An overlay of kustomize', 'agentctl apply -k overlays/prod'],
    ['What would be changed', 'agentctl apply -f agents.yaml --dry-run=server'],
    ['Delete what the folder no longer names', 'agentctl apply -f manifests/ --prune --applyset=fleet'],
  );
}
