import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { durationOption } from '../options.ts';
import { type SyncOptions, sync } from '../sync/sync.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Look at the source of a sync now, apply what stands there, and tell what came of it. A suspended sync does so once.',
    )
    .argument('[sync...]', 'fleet, sync/fleet')
    .option('-l, --selector <labels>', 'syncs with these labels')
    .option('--all', 'all syncs of the namespace')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('--force-conflicts', 'this once, take over fields that others apply')
    .option('--wait', 'wait until it is done', true)
    .option('--no-wait', 'only ask for it')
    .addOption(durationOption('--timeout <duration>', 'wait no longer than this', '2m'))
    .action((words: string[], options: SyncOptions) => sync(words, options, cli));
  examples(
    command,
    ['After a push, without waiting for the interval', 'agentctl sync fleet'],
    ['Read first what it would change', 'agentctl diff --sync fleet\nagentctl sync fleet'],
    [
      "After objects were applied by hand: they are the repository's from now on",
      'agentctl sync fleet --force-conflicts',
    ],
    ['All that there are', 'agentctl sync --all -A'],
    [
      'The key for a private repository over ssh, which spec.source.git.secretRef names',
      'agentctl create secret generic fleet-git --from-file=identity=./deploy-key --from-file=known_hosts=./known_hosts',
    ],
  );
}
