import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { UsageError } from '../failure.ts';
import { type OneoffOptions, oneoff } from '../oneoff/oneoff.ts';
import { choice, collect, duration, durationOption } from '../options.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Start an agent, send it one prompt, and print the answer as it comes. With --rm the agent is removed then, also after a failure or Ctrl-C.',
    )
    .usage('[NAME] --rm (-f FILE | --image IMAGE | -- COMMAND ARGS...) --prompt TEXT')
    .argument('[name...]', "the agent's name; without it the file's, or a generated one")
    .option('--rm', 'remove the agent afterwards')
    .option('-f, --filename <file>', 'a manifest with the agent, or - for standard input')
    .option('--prompt <text>', 'what to say; without it standard input')
    .option('--image <image>', 'run this container image')
    .addOption(choice('--protocol <name>', 'how it talks (default acp)', ['acp', 'jsonl']))
    .option('--model <name>', 'the model, as the agent names it')
    .option('--env <name=value>', 'a variable of its environment; may be given again', collect)
    .option('--runtime <name>', 'the Runtime to run it on')
    .addOption(
      choice('--permissions <action>', 'what becomes of its requests to use a tool', [
        'allow',
        'deny',
        'ask',
      ]),
    )
    .option('--timeout <duration>', 'break the message off after this long', duration('--timeout'))
    .option('--raw', 'print the answer as it is, control characters too')
    .addOption(durationOption('--ready-timeout <duration>', 'give up where it is not Ready by then', '2m'))
    .action((operands: string[], options: OneoffOptions) => {
      const { names, rest } = parted(command, operands);
      if (names.length > 1) {
        throw new UsageError(
          `found ${names.join(' ')}, expected one name. A command stands behind --, a prompt behind --prompt`,
        );
      }
      return oneoff(names[0], rest, options, cli);
    });
  examples(
    command,
    ['From a manifest', 'agentctl run --rm -f opencode.yaml --prompt "What is in this folder?"'],
    ['A program of this host', 'agentctl run --rm --prompt "Hello" -- opencode acp'],
    ['In a container', 'cat question.md | agentctl run --rm --image my/agent --protocol jsonl'],
  );
}

/** What stands behind `--` is the command. Commander forgets where that was, but in the words that it was given. */
function parted(command: Command, operands: readonly string[]): { names: string[]; rest: string[] } {
  const words = command.parent?.args ?? [];
  const dash = words.indexOf('--');
  const count = dash === -1 ? 0 : words.length - dash - 1;
  const names = operands.slice(0, operands.length - count);
  return { names, rest: operands.slice(names.length) };
}
