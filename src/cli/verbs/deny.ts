import type { Command } from 'commander';
import { defineDecision } from '../approvals/decide-approvals.ts';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';

export function define(command: Command, cli: Cli): void {
  defineDecision(
    command.description(
      "Deny a tool that an agent wants to use. The call fails, and the agent's turn continues.",
    ),
    cli,
    'deny',
    'denied',
  );
  examples(
    command,
    [
      'List the requests that wait for a decision',
      'agentctl get approvals --field-selector status.state=Pending',
    ],
    ['Deny it', 'agentctl deny p-x7k2p'],
  );
}
