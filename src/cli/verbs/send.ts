import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { choice, duration } from '../options.ts';
import { type SendOptions, send } from '../send/send.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Send a message to an agent. It is kept until it is answered, though the agent sleeps, crashes or is replaced.',
    )
    .argument('<agent>', 'web or agent/web')
    .argument('[text...]', 'what to say; without it standard input')
    .option('-f, --filename <file>', 'a file with the text, or - for standard input')
    .option('--conversation <id>', 'go on with this conversation; without it a new one begins')
    .option('--continue', 'go on with your newest open conversation with this agent')
    .option('--key <key>', 'sent again with the same key, it is still one message')
    .option('--timeout <duration>', 'break it off after this long', duration('--timeout'))
    .option('--wait', 'wait until it ends, and print the answer')
    .option('--stream', 'print the answer as it comes')
    .option('--raw', 'print the answer as it is, control characters too')
    .addOption(
      choice('-o, --output <format>', 'how to print it; json with --stream is a line an event', [
        'json',
        'name',
      ]),
    )
    .action((agent: string, words: string[], options: SendOptions) => send(agent, words, options, cli));
  examples(
    command,
    ['Ask, and see the answer as it comes', 'agentctl send coder "Why does the build fail?" --stream'],
    ['Only the answer, for a script', 'answer=$(agentctl send coder --wait -f question.md)'],
    ['Go on with the last conversation', 'agentctl send coder --continue --wait "And the tests?"'],
    ['Leave it work, and look later', 'agentctl send coder "Tidy up the docs"\nagentctl messages get'],
  );
}
