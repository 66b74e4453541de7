import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { withGetFlags } from '../get/flags.ts';
import { get } from '../get/get.ts';
import type { GetOptions } from '../get/options.ts';

export function define(command: Command, cli: Cli): void {
  withGetFlags(command.argument('[kind...]', 'agents, agent web, agent/web, agents,policies, all')).action(
    (words: string[], options: GetOptions) => get(words, options, cli),
  );
  examples(
    command,
    ['What runs, and how it is', 'agentctl get agents'],
    ['One agent as YAML', 'agentctl get agent web -o yaml'],
    ['Instances of one agent, as they change', 'agentctl get instances -l agentctl.dev/agent=web -w'],
    ['Just one field', "agentctl get agent/web -o jsonpath='{.status.phase}'"],
    [
      'Columns of your own',
      'agentctl get agents -A -o custom-columns=NAME:.metadata.name,IMAGE:.spec.template.image',
    ],
  );
}
