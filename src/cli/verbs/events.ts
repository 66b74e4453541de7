import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { type EventsOptions, events } from '../events/events.ts';
import { examples } from '../examples.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description('List what has happened, the oldest first.')
    .option('--for <kind/name>', 'only of this object, and of the instances of an agent')
    .option('--types <types>', 'only Normal, or only Warning')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-w, --watch', 'go on with each new event')
    .option('--no-headers', 'leave the header line out')
    .option('-o, --output <format>', 'json, yaml or name')
    .action((options: EventsOptions) => events(options, cli));
  examples(
    command,
    ['The story of an agent, going on', 'agentctl events --for agent/web -w'],
    ['What went wrong anywhere', 'agentctl events -A --types=Warning'],
  );
}
