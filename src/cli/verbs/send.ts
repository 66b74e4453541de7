import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { choice, duration } from '../global-options.ts';
import { type SendOptions, send } from '../send/send-message.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Send a message to an agent. The message is kept until it is answered, even if the agent sleeps, crashes or is replaced.',
    )
    .argument('<agent>', 'web or agent/web')
    .argument('[text...]', 'the text (default: read standard input)')
    .option('-f, --filename <file>', 'a file with the text, or - for standard input')
    .option('--conversation <id>', 'continue this conversation (default: begin a new one)')
    .option('--continue', 'continue your latest conversation with this agent')
    .option(
      '--key <key>',
      'an idempotency key: a message that is sent again with the same key is delivered once',
    )
    .option('--timeout <duration>', 'cancel the message after this long', duration('--timeout'))
    .option('--wait', 'wait for the answer and print it')
    .option('--stream', 'print the answer as it comes')
    .option('--raw', 'print the answer unchanged, with control characters')
    .addOption(
      choice('-o, --output <format>', 'the output format; with --stream, json prints one event per line', [
        'json',
        'name',
      ]),
    )
    .action((agent: string, words: string[], options: SendOptions) => send(agent, words, options, cli));
  examples(
    command,
    ['Ask, and print the answer as it comes', 'agentctl send coder "Why does the build fail?" --stream'],
    ['Get only the answer, for a script', 'answer=$(agentctl send coder --wait -f question.md)'],
    ['Continue the last conversation', 'agentctl send coder --continue --wait "And the tests?"'],
    ['Send now, and look later', 'agentctl send coder "Tidy up the docs"\nagentctl messages get'],
  );
}
