import type { Command } from 'commander';
import { type ChatOptions, chat } from '../chat/chat-session.ts';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Chat with an agent. Ctrl-C cancels its current turn, a second Ctrl-C or Ctrl-D quits. Without a terminal, each line of standard input is sent as a message.',
    )
    .argument('<agent>', 'web or agent/web')
    .option('--conversation <id>', 'continue this conversation')
    .option('--continue', 'continue your latest open conversation with this agent')
    .option('--new', 'begin a new conversation (default)')
    .action((agent: string, options: ChatOptions) => chat(agent, options, cli));
  examples(
    command,
    ['Begin a conversation', 'agentctl chat coder'],
    ['Continue where you left off', 'agentctl chat coder --continue'],
    ['Send two messages from a script', "printf '%s\\n' 'List the tests.' 'Run them.' | agentctl chat coder"],
  );
}
