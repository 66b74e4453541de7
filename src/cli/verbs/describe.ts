import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { type DescribeOptions, describe } from '../describe/describe.ts';
import { examples } from '../examples.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Tell the whole story of an object: what is asked for, what is, what happened and what happens next.',
    )
    .argument('[kind...]', 'agent web, agent/web, agents')
    .option('-l, --selector <labels>', 'objects with these labels')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('--no-show-events', 'leave the events out')
    .action((words: string[], options: DescribeOptions) => describe(words, options, cli));
  examples(
    command,
    ['Why does it not run?', 'agentctl describe agent web'],
    ['All of them', 'agentctl describe agents'],
  );
}
