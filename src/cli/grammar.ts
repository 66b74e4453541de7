import type { Command } from 'commander';
import { UsageError } from './failure.ts';
import { globalFlagsWithValue } from './global-options.ts';

export const withSubcommands = (command: Command): Command[] => [
  command,
  ...command.commands.flatMap((each) => withSubcommands(each)),
];

/** Flags may precede the verb: they are moved after it. */
export function splitVerb(
  argv: readonly string[],
  withValue: ReadonlySet<string | undefined> = globalFlagsWithValue,
): { name?: string; rest: string[] } {
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? '';
    if (!word.startsWith('-'))
      return { name: word, rest: [...argv.slice(0, index), ...argv.slice(index + 1)] };
    if (withValue.has(word)) index++;
  }
  return { rest: [...argv] };
}

/**
 * Moves the name of a subcommand before the flags, so that they belong to the subcommand: `controller --debug start`.
 */
export function hoist(words: readonly string[], command: Command): string[] {
  const own = withSubcommands(command)
    .flatMap(({ options }) => options)
    .filter(({ required }) => required);
  const withValue = own.flatMap(({ short, long }) => [short, long]);
  const { name, rest } = splitVerb(words, new Set([...globalFlagsWithValue, ...withValue]));
  const sub = command.commands.find((each) => each.name() === name || each.aliases().includes(name ?? ''));
  return sub === undefined ? [...words] : [sub.name(), ...hoist(rest, sub)];
}

/**
 * Converts kubectl's flag syntax for commander: `--wait=false`, and `--dry-run` without a value does not consume an
 * operand.
 */
export function normalise(words: readonly string[], command: Command): string[] {
  const options = withSubcommands(command).flatMap((each) => each.options);
  const end = words.indexOf('--');
  const flags = end === -1 ? words : words.slice(0, end);
  const rewritten = flags.flatMap((word) => {
    const [, name, value] = /^(--[^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    const option =
      options.find((each) => each.long === name && !each.negate) ??
      options.find((each) => each.long === name?.replace(/^--/, '--no-'));
    if (option === undefined || name === undefined) return [word];
    if (value === undefined)
      return option.optional && typeof option.presetArg === 'string'
        ? [`${name}=${option.presetArg}`]
        : [word];
    if (!option.isBoolean() && !option.negate) return [word];
    if (value === 'true') return option.negate ? [] : [name];
    if (value !== 'false')
      throw new UsageError(`${name}: found ${JSON.stringify(value)}, expected true or false`);
    const negated = name.replace(/^--/, '--no-');
    return options.some((each) => each.long === negated) ? [negated] : [];
  });
  return end === -1 ? rewritten : [...rewritten, ...words.slice(end)];
}
