import type { Command } from 'commander';
import { type ChatOptions, chat } from '../chat/chat.ts';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Talk with an agent, turn by turn. Ctrl-C breaks off its turn, a second one leaves; Ctrl-D leaves. Without a terminal each line of standard input is a message.',
    )
    .argument('<agent>', 'web or agent/web')
    .option('--conversation <id>', 'go on with this conversation')
    .option('--continue', 'go on with your newest open conversation with this agent')
    .option('--new', 'begin a new one, as without any of these')
    .action((agent: string, options: ChatOptions) => chat(agent, options, cli));
  examples(
    command,
    ['Begin', 'agentctl chat coder'],
    ['Go on where you left', 'agentctl chat coder --continue'],
    ['Two turns from a script', "printf '%s\\n' 'List the tests.' 'Run them.' | agentctl chat coder"],
  );
}
