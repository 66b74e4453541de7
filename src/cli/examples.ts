import type { Command } from 'commander';

/** Adds examples to a verb's help: a description and the command. */
export function examples(
  command: Command,
  ...pairs: readonly (readonly [what: string, how: string])[]
): Command {
  const lines = pairs.map(([what, how]) => `  # ${what}\n  ${how.replaceAll('\n', '\n  ')}\n`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}
