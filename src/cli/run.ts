import { Command, CommanderError, type Option } from 'commander';
import { nearest } from '../api/nearest.ts';
import type { Cli } from './cli.ts';
import { CliError, exitCode, tell, UsageError } from './failure.ts';
import { addGlobalOptions, globalFlagsWithValue } from './options.ts';
import { table } from './print/table.ts';
import { findVerb, type Verb, verbs } from './verbs.ts';

/** Runs one command line (without node and script) and answers the exit code. Only the verb's own file is loaded. */
export async function run(argv: readonly string[], cli: Cli): Promise<number> {
  try {
    await dispatch(argv, cli);
    const interrupted = cli.interrupted && splitVerb(argv).name !== 'serve';
    return interrupted ? exitCode.interrupted : cli.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    if (cli.interrupted && !(error instanceof CliError)) return exitCode.interrupted;
    const told = tell(error);
    cli.err(`${told.text}\n`);
    if (argv.includes('--debug')) cli.err(`${debugText(error)}\n`);
    return told.exitCode;
  }
}

async function dispatch(argv: readonly string[], cli: Cli): Promise<void> {
  const { name, rest } = splitVerb(argv);
  const program = programFor(cli);
  if (name === undefined) {
    if (rest.includes('--version') || rest.includes('-V'))
      return runVerb(program, 'version', ['--client'], cli);
    return topHelp(program, cli, rest);
  }
  if (name === 'help') return help(program, rest, cli);
  if (name === '__complete') {
    const { candidates } = await import('./complete/complete.ts');
    return cli.out((await candidates(argv.slice(1), cli)).map((each) => `${each}\n`).join(''));
  }
  return runVerb(program, name, rest, cli);
}

async function help(program: Command, words: readonly string[], cli: Cli): Promise<void> {
  const [topic, ...more] = words;
  if (topic === undefined || topic.startsWith('-')) return topHelp(program, cli, []);
  const { topics } = await import('./topics.ts');
  const text = topics[topic];
  if (text !== undefined) return cli.out(text);
  await runVerb(program, topic, [...more.filter((word) => !word.startsWith('-')), '--help'], cli);
}

async function runVerb(program: Command, name: string, rest: readonly string[], cli: Cli): Promise<void> {
  const verb = findVerb(name);
  if (verb === undefined) throw await unknownVerb(name);
  const command = await defineVerb(program, verb, cli);
  await program.parseAsync([verb.name, ...hoist(normalise(rest, command), command)], { from: 'user' });
}

async function defineVerb(program: Command, verb: Verb, cli: Cli): Promise<Command> {
  const command = program.command(verb.name).summary(verb.summary);
  (await verb.load()).define(command, cli);
  if (command.description() === '') command.description(`${verb.summary}.`);
  for (const each of withSubcommands(command)) {
    addGlobalOptions(each).enablePositionalOptions(); // a flag is of the command that it follows
    const path = `agentctl ${pathOf(each)}`;
    each.showHelpAfterError(`See '${path} --help'.`);
  }
  return command;
}

const pathOf = (command: Command): string =>
  command.parent === null || command.parent.parent === null
    ? command.name()
    : `${pathOf(command.parent)} ${command.name()}`;

const withSubcommands = (command: Command): Command[] => [
  command,
  ...command.commands.flatMap((each) => withSubcommands(each)),
];

function programFor(cli: Cli): Command {
  return new Command('agentctl')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: (text) => cli.out(text), writeErr: (text) => cli.err(text) })
    .helpCommand(false)
    .configureHelp({
      helpWidth: 100,
      optionDescription,
      subcommandTerm: (each) =>
        [each.name(), each.usage()].filter((part) => part !== '' && part !== '[options]').join(' '),
    });
}

/** From the list of verbs alone: none of their files is loaded. */
function topHelp(program: Command, cli: Cli, rest: readonly string[]): void {
  const wrong = rest.find((word) => word.startsWith('-') && !['-h', '--help', '--debug'].includes(word));
  if (wrong !== undefined) throw new UsageError(`unknown flag ${wrong}, and no verb. See 'agentctl --help'.`);
  addGlobalOptions(program).usage('<verb> [flags]');
  const [usage = '', options = ''] = program.helpInformation().split(/(?=^Global options:)/m);
  const groups = [...Map.groupBy(verbs, ({ group }) => group)].map(
    ([group, members]) =>
      `${group}\n${table(
        members.map(({ name, summary }) => [name, summary]),
        { indent: '  ' },
      )}`,
  );
  cli.out(`Keeps AI agents running as their manifests say.

${usage}${groups.join('\n')}
${options}
Begin with:
  agentctl init
  agentctl apply -f agents.yaml
  agentctl get agents

See 'agentctl <verb> --help' for a verb, 'agentctl help exit-codes' for exit codes.
`);
}

/** Flags may stand before the verb: they are moved behind it. */
function splitVerb(argv: readonly string[]): { name?: string; rest: string[] } {
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? '';
    if (!word.startsWith('-'))
      return { name: word, rest: [...argv.slice(0, index), ...argv.slice(index + 1)] };
    if (globalFlagsWithValue.has(word)) index++;
  }
  return { rest: [...argv] };
}

/** Moves the name of a subcommand before the flags, so that they are the subcommand's: `controller --debug start`. */
function hoist(words: readonly string[], command: Command): string[] {
  const { name, rest } = splitVerb(words);
  const sub = command.commands.find((each) => each.name() === name || each.aliases().includes(name ?? ''));
  return sub === undefined ? [...words] : [sub.name(), ...hoist(rest, sub)];
}

/** kubectl's way with flags, for commander: `--wait=false`, and `--dry-run` without a value eats no operand. */
function normalise(words: readonly string[], command: Command): string[] {
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

async function unknownVerb(name: string): Promise<UsageError> {
  const meant = nearest(
    name,
    verbs.flatMap((verb) => [verb.name, ...(verb.aliases ?? [])]),
  );
  const hint = meant === undefined ? '.' : `; did you mean ${JSON.stringify(meant)}?`;
  return new UsageError(
    `unknown command ${JSON.stringify(name)} for "agentctl"${hint} See 'agentctl --help'.`,
  );
}

function debugText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by: ${debugText(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}

function optionDescription({
  description,
  argChoices,
  defaultValue,
  defaultValueDescription,
}: Option): string {
  const byDefault = defaultValueDescription ?? (typeof defaultValue === 'string' ? defaultValue : undefined);
  const notes = [
    ...(argChoices === undefined ? [] : [argChoices.join(', ')]),
    ...(byDefault === undefined ? [] : [`default ${byDefault}`]),
  ];
  return notes.length === 0 ? description : `${description} (${notes.join('; ')})`;
}
