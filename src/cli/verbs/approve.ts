import type { Command } from 'commander';
import { defineDecision } from '../approvals/decide-approvals.ts';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';

export function define(command: Command, cli: Cli): void {
  defineDecision(
    command.description(
      'Approve a request: a tool that an agent wants to use, deletions by the next revision of a sync, or the removal of containers by a Runtime.',
    ),
    cli,
    'approve',
    'approved',
  );
  examples(
    command,
    [
      'List the requests that wait for a decision',
      'agentctl get approvals --field-selector status.state=Pending',
    ],
    ['Show one, then approve it', 'agentctl describe approval p-x7k2p\nagentctl approve p-x7k2p'],
    ['Answer with another of its options', 'agentctl approve p-x7k2p --option=always'],
    [
      'Show what a revision would delete, then approve it',
      'agentctl diff --sync fleet\nagentctl approve sync/fleet',
    ],
    ['Let a Runtime remove containers without an owner', 'agentctl approve runtime/docker'],
  );
}
