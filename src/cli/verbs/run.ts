import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { UsageError } from '../failure.ts';
import { type OneoffOptions, oneoff } from '../oneoff/oneoff.ts';
import { choice, collect, duration, durationOption } from '../options.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Start an agent, send it one prompt, and print the answer as it comes. With --rm, delete the agent afterwards, even after a failure or Ctrl-C.',
    )
    .usage('[NAME] --rm (-f FILE | --image IMAGE | -- COMMAND ARGS...) --prompt TEXT')
    .argument('[name...]', "the agent's name (default: the name in the file, or a generated one)")
    .option('--rm', 'delete the agent afterwards')
    .option('-f, --filename <file>', 'a manifest with the agent, or - for standard input')
    .option('--prompt <text>', 'the text (default: read standard input)')
    .option('--image <image>', 'the container image to run')
    .addOption(choice('--protocol <name>', 'the protocol of the agent (default acp)', ['acp', 'jsonl']))
    .option('--model <name>', 'the model, by the name that the agent uses')
    .option('--env <name=value>', 'set an environment variable; can be repeated', collect)
    .option('--runtime <name>', 'the Runtime to run it on')
    .addOption(
      choice('--permissions <action>', 'what to do when the agent wants to use a tool', [
        'allow',
        'deny',
        'ask',
      ]),
    )
    .option('--timeout <duration>', 'cancel the message after this long', duration('--timeout'))
    .option('--raw', 'print the answer unchanged, with control characters')
    .addOption(
      durationOption(
        '--ready-timeout <duration>',
        'time out if the agent is not Ready after this long',
        '2m',
      ),
    )
    .action((operands: string[], options: OneoffOptions) => {
      const { names, rest } = parted(command, operands);
      if (names.length > 1) {
        throw new UsageError(
          `found ${names.join(' ')}, expected one name. Write the command after --, and the prompt after --prompt`,
        );
      }
      return oneoff(names[0], rest, options, cli);
    });
  examples(
    command,
    ['Run an agent from a manifest', 'agentctl run --rm -f opencode.yaml --prompt "What is in this folder?"'],
    ['A program on this host', 'agentctl run --rm --prompt "Hello" -- opencode acp'],
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
