import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { durationOption } from '../options.ts';
import { type SyncOptions, sync } from '../sync/sync.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Sync now: read the source, apply its manifests and show the result. A suspended sync does this once.',
    )
    .argument('[sync...]', 'such as fleet or sync/fleet')
    .option('-l, --selector <labels>', 'select syncs with these labels')
    .option('--all', 'select all syncs in the namespace')
    .option('-A, --all-namespaces', 'in all namespaces')
    .option('--force-conflicts', 'take over fields of other field managers this time')
    .option('--wait', 'wait for the result (default)', true)
    .option('--no-wait', 'do not wait')
    .addOption(durationOption('--timeout <duration>', 'time out after this long', '2m'))
    .action((words: string[], options: SyncOptions) => sync(words, options, cli));
  examples(
    command,
    ['After a push, without waiting for the interval', 'agentctl sync fleet'],
    ['Show what would change, then sync', 'agentctl diff --sync fleet\nagentctl sync fleet'],
    ['Take over objects that were applied by hand', 'agentctl sync fleet --force-conflicts'],
    ['All syncs', 'agentctl sync --all -A'],
    [
      'Create the Secret for a private repository over SSH (spec.source.git.secretRef)',
      'agentctl create secret generic fleet-git --from-file=identity=./deploy-key --from-file=known_hosts=./known_hosts',
    ],
  );
}
