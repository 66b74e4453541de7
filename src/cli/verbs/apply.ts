import type { Command } from 'commander';
import { type ApplyOptions, apply } from '../apply/apply-files.ts';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { fileFlags } from '../file-flags.ts';
import { choice, durationOption } from '../global-options.ts';

export function define(command: Command, cli: Cli): void {
  fileFlags(
    command.description(
      'Create or update objects from files, folders or URLs. If any document is invalid, nothing is changed.',
    ),
  )
    .addOption(
      choice('--dry-run [where]', 'check only, change nothing', ['none', 'client', 'server'])
        .preset('client')
        .default('none'),
    )
    .option('--server-side', 'has no effect, as it is always on; for kubectl scripts')
    .option('--force-conflicts', 'take over fields that belong to other field managers')
    .option('--field-manager <name>', 'the field manager that owns the applied fields', 'agentctl')
    .option(
      '--applyset <name>',
      'record the applied objects in this Secret or ConfigMap: NAME, secret/NAME or configmap/NAME',
    )
    .option('--prune', 'delete objects of the apply set that are no longer in the files')
    .option('--watch', 'apply again whenever a file changes, until Ctrl-C')
    .option('--wait', 'wait until all agents are Ready')
    .addOption(
      durationOption(
        '--timeout <duration>',
        'time out after this long; also for objects that are being deleted',
        '2m',
      ),
    )
    .addOption(choice('-o, --output <format>', 'the output format', ['name', 'json', 'yaml']))
    .action(async (options: ApplyOptions) => {
      if (options.watch !== true) return apply(options, cli);
      const { applyAndWatch } = await import('../apply/apply-watch.ts');
      await applyAndWatch(options, cli);
    });
  examples(
    command,
    ['A file', 'agentctl apply -f agents.yaml'],
    [
      'A folder and its subfolders; wait until all agents are Ready',
      'agentctl apply -R -f manifests/ --wait',
    ],
    ['A folder, and again whenever a file changes', 'agentctl apply -f manifests/ --watch'],
    ['A kustomize overlay', 'agentctl apply -k overlays/prod'],
    ['Show what would change', 'agentctl apply -f agents.yaml --dry-run=server'],
    ['Delete what is no longer in the folder', 'agentctl apply -f manifests/ --prune --applyset=fleet'],
  );
}
