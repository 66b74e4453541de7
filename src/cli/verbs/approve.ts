import type { Command } from 'commander';
import { defineDecision } from '../approvals/decide.ts';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';

export function define(command: Command, cli: Cli): void {
  defineDecision(
    command.description(
      'Let an agent do what it asks leave for, a sync delete what its next revision no longer has, or a Runtime remove what belongs to no instance.',
    ),
    cli,
    'approve',
    'approved',
  );
  examples(
    command,
    ['What is asked for', 'agentctl get approvals --field-selector status.state=Pending'],
    ['Look closer, then let it', 'agentctl describe approval p-x7k2p\nagentctl approve p-x7k2p'],
    ['Answer with another of its options', 'agentctl approve p-x7k2p --option=always'],
    ['What a revision would delete, then let it', 'agentctl diff --sync fleet\nagentctl approve sync/fleet'],
    ['Remove the containers that a Runtime holds back', 'agentctl approve runtime/docker'],
  );
}
