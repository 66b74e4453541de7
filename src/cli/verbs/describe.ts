import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { type DescribeOptions, describe } from '../describe/describe-objects.ts';
import { examples } from '../examples.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description('Show the details of objects: spec, current state, events and what happens next.')
    .argument('[kind...]', 'such as agent web, agent/web, or agents for all')
    .option('-l, --selector <labels>', 'select objects with these labels')
    .option('-A, --all-namespaces', 'in all namespaces')
    .option('--no-show-events', 'do not show events')
    .action((words: string[], options: DescribeOptions) => describe(words, options, cli));
  examples(
    command,
    ['Find out why an agent does not run', 'agentctl describe agent web'],
    ['All agents', 'agentctl describe agents'],
  );
}
