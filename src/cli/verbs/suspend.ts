import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { patchEach } from '../patching.ts';
import type { SelectOptions } from '../select-objects.ts';
import { parseSwitchTargets } from '../switching.ts';

const switchable = ['Agent', 'Sync'] as const;

export function define(command: Command, cli: Cli): void {
  command
    .description(
      "Stop agents until 'agentctl resume'. Instances keep their names and volumes. A suspended sync applies nothing; the objects that it has applied stay as they are.",
    )
    .usage('[options] <agent...>')
    .argument('[agent...]', 'such as web, agent/web, agents, sync/fleet')
    .option('-l, --selector <labels>', 'select agents or syncs with these labels')
    .option('--all', 'select all agents or syncs in the namespace')
    .action((words: string[], options: SelectOptions) =>
      patchEach(parseSwitchTargets(words, options, switchable, 'suspend'), options, cli, 'suspended', () => ({
        spec: { suspend: true },
      })),
    );
  examples(
    command,
    ['Stop one agent', 'agentctl suspend web'],
    ['Stop all agents of a team', 'agentctl suspend agents -l team=research'],
    ['Pause a sync', 'agentctl suspend sync/fleet'],
  );
}
