import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { get } from '../get/get.ts';
import type { GetOptions } from '../get/options.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('[kind...]', 'agents, agent web, agent/web, agents,policies, all')
    .option('-o, --output <format>', 'json, yaml, name, wide, jsonpath=..., custom-columns=...')
    .option('-w, --watch', 'go on with each change')
    .option('--watch-only', 'only changes, not what is there')
    .option('-l, --selector <labels>', 'only objects with these labels, as in app=web,tier!=test')
    .option('--field-selector <fields>', 'only objects with these fields, as in metadata.name=web')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('--sort-by <path>', 'sort by a field, as in .metadata.creationTimestamp')
    .option('--no-headers', 'leave the header line out')
    .option('--show-labels', 'a column with the labels')
    .option('--show-kind', 'name objects as kind/name')
    .option('--show-managed-fields', 'keep metadata.managedFields in json and yaml')
    .option('--ignore-not-found', 'succeed, and say nothing, where an object does not exist')
    .action((words: string[], options: GetOptions) => get(words, options, cli));
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
