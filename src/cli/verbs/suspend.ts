import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { patchEach } from '../patching.ts';
import type { SelectOptions } from '../select.ts';
import { parseAgentTargets } from '../targets.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Stop the instances of agents and start none, until agentctl resume. Names and volumes stay.',
    )
    .argument('<agent...>', 'web, agent/web, agents')
    .option('-l, --selector <labels>', 'agents with these labels')
    .option('--all', 'all agents of the namespace')
    .action((words: string[], options: SelectOptions) =>
      patchEach(parseAgentTargets(words, options), options, cli, 'suspended', () => ({
        spec: { suspend: true },
      })),
    );
  examples(
    command,
    ['Stop one agent', 'agentctl suspend web'],
    ['Stop all of a team', 'agentctl suspend agents -l team=research'],
  );
}
