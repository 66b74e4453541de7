import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { withGetFlags } from '../get/flags.ts';
import { get } from '../get/get-objects.ts';
import type { GetOptions } from '../get/options.ts';

export function define(command: Command, cli: Cli): void {
  withGetFlags(
    command.argument('[kind...]', 'such as agents, agent web, agent/web; agents,policies; all'),
  ).action((words: string[], options: GetOptions) => get(words, options, cli));
  examples(
    command,
    ['All agents and their state', 'agentctl get agents'],
    ['One agent as YAML', 'agentctl get agent web -o yaml'],
    ['Watch the instances of one agent', 'agentctl get instances -l agentctl.dev/agent=web -w'],
    ['One field', "agentctl get agent/web -o jsonpath='{.status.phase}'"],
    [
      'Your own columns',
      'agentctl get agents -A -o custom-columns=NAME:.metadata.name,IMAGE:.spec.template.image',
    ],
  );
}
