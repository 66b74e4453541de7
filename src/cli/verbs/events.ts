import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { type EventsOptions, events } from '../events/events.ts';
import { examples } from '../examples.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description('List events, the oldest first.')
    .option('--for <kind/name>', 'only events of this object; for an agent, of its instances too')
    .option('--types <types>', 'only events of this type: Normal or Warning')
    .option('-A, --all-namespaces', 'in all namespaces')
    .option('-w, --watch', 'keep watching for new events')
    .option('--no-headers', 'print no header line')
    .option('-o, --output <format>', 'json, yaml or name')
    .action((options: EventsOptions) => events(options, cli));
  examples(
    command,
    ['Watch the events of an agent', 'agentctl events --for agent/web -w'],
    ['All warnings', 'agentctl events -A --types=Warning'],
  );
}
