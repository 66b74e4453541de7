import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { patchEach } from '../patching.ts';
import type { SelectOptions } from '../select.ts';
import { parseSwitchTargets } from '../switching.ts';

const switchable = ['Agent', 'Sync'] as const;

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Stop the instances of agents and start none, until agentctl resume. Names and volumes stay. A sync looks at nothing and applies nothing meanwhile; what it applied stays as it is.',
    )
    .argument('<agent...>', 'web, agent/web, agents, sync/fleet')
    .option('-l, --selector <labels>', 'agents, or syncs, with these labels')
    .option('--all', 'all agents, or syncs, of the namespace')
    .action((words: string[], options: SelectOptions) =>
      patchEach(parseSwitchTargets(words, options, switchable), options, cli, 'suspended', () => ({
        spec: { suspend: true },
      })),
    );
  examples(
    command,
    ['Stop one agent', 'agentctl suspend web'],
    ['Stop all of a team', 'agentctl suspend agents -l team=research'],
    ['Follow a repository no more, for now', 'agentctl suspend sync/fleet'],
  );
}
