import type { Command } from 'commander';
import { defineDecision } from '../approvals/decide.ts';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';

export function define(command: Command, cli: Cli): void {
  defineDecision(
    command.description('Refuse an agent what it asks leave for. That one call fails; its turn goes on.'),
    cli,
    'deny',
    'denied',
  );
  examples(
    command,
    ['What is asked for', 'agentctl get approvals --field-selector status.state=Pending'],
    ['Refuse it', 'agentctl deny p-x7k2p'],
  );
}
