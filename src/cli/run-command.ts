import { Command, CommanderError } from 'commander';
import { nearest } from '../api/text.ts';
import type { Cli, Client } from './cli.ts';
import { CliError, describeFailure, exitCode, UsageError } from './failure.ts';
import { addGlobalOptions, flagsOf, globalFlagsWithValue, namespaceOf, pasteable } from './flags.ts';
import { optionDescription, topHelp } from './help.ts';
import { localTimes, showUtc } from './print/shown.ts';
import { withNearName } from './targets.ts';
import { findVerb, type Verb, verbs } from './verbs.ts';

const verbNames = verbs.flatMap(({ name, aliases = [] }) => [name, ...aliases]);

/** Runs one command line (without node and script) and returns the exit code. Loads only the verb's own file. */
export async function run(argv: readonly string[], cli: Cli): Promise<number> {
  const asked: { client?: Client; namespace?: string } = {};
  const connect = cli.connect.bind(cli);
  cli.connect = async (options, how) => {
    asked.namespace = namespaceOf(options, cli.environment);
    asked.client = await connect(options, how);
    return asked.client;
  };
  try {
    await dispatch(argv, cli);
    return cli.interrupted && cli.lasting !== true ? exitCode.interrupted : cli.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    if (cli.interrupted && !(error instanceof CliError)) return exitCode.interrupted;
    const { client, namespace } = asked;
    const failure = describeFailure(
      client === undefined ? error : await withNearName(error, client, namespace),
    );
    cli.err(`${failure.text}\n`);
    if (argv.includes('--debug')) cli.err(`${debugText(error)}\n`);
    return failure.exitCode;
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
    const { candidates } = await import('./complete.ts');
    return cli.out((await candidates(argv.slice(1), cli)).map((each) => `${each}\n`).join(''));
  }
  return runVerb(program, name, rest, cli);
}

async function help(program: Command, words: readonly string[], cli: Cli): Promise<void> {
  const [topic, ...more] = words;
  if (topic === undefined || topic.startsWith('-')) return topHelp(program, cli, []);
  const { topics } = await import('./help.ts');
  const text = topics[topic];
  if (text !== undefined) return cli.out(text);
  await runVerb(program, topic, [...more.filter((word) => !word.startsWith('-')), '--help'], cli);
}

async function runVerb(program: Command, name: string, rest: readonly string[], cli: Cli): Promise<void> {
  const verb = findVerb(name);
  if (verb === undefined) throw unknownVerb(name);
  const command = await defineVerb(program, verb, cli);
  await program.parseAsync([verb.name, ...hoist(normalise(rest, command), command)], { from: 'user' });
}

async function defineVerb(program: Command, verb: Verb, cli: Cli): Promise<Command> {
  const command = program.command(verb.name).summary(verb.summary);
  (await verb.load()).define(command, cli);
  if (command.description() === '') command.description(`${verb.summary}.`);
  for (const each of withSubcommands(command)) {
    addGlobalOptions(each).enablePositionalOptions(); // a flag belongs to the command that precedes it
    const path = `agentctl ${pathOf(each)}`;
    each.showHelpAfterError(`See '${path} --help'.`);
  }
  return command;
}

const pathOf = (command: Command): string =>
  command.parent === null || command.parent.parent === null
    ? command.name()
    : `${pathOf(command.parent)} ${command.name()}`;

function programFor(cli: Cli): Command {
  return new Command('agentctl')
    .hook('preAction', (_, command) => {
      cli.flags = flagsOf(command.opts(), verbNames);
      showUtc(command.opts().utc === true);
      const { err } = cli;
      cli.err = (text) => err(pasteable(typeof text === 'string' ? localTimes(text) : text, cli));
    })
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

/** Commands that users know from kubectl, Docker and systemd under another name. */
const elsewhere: Readonly<Record<string, string>> = {
  attach: 'agentctl chat NAME, or agentctl logs NAME -f',
  down: 'agentctl delete -f FILE',
  exec: 'agentctl send NAME TEXT. agentctl describe instance NAME-0 shows the pid or the container, for docker exec',
  inspect: 'agentctl describe agent NAME',
  kill: 'agentctl suspend NAME',
  list: 'agentctl get agents',
  ls: 'agentctl get agents',
  ps: 'agentctl get agents, or agentctl get instances',
  restart: 'agentctl rollout restart NAME',
  rm: 'agentctl delete agent NAME',
  rollback: 'agentctl rollout undo NAME',
  start: 'agentctl resume NAME for a suspended agent, or agentctl apply -f FILE',
  status: 'agentctl describe agent NAME, or agentctl controller status',
  stop: 'agentctl suspend NAME',
  top: 'agentctl get instances for what runs, or agentctl usage for tokens and cost',
  up: 'agentctl apply -f FILE',
};

function unknownVerb(name: string): UsageError {
  const instead = Object.hasOwn(elsewhere, name) ? elsewhere[name] : undefined;
  if (instead !== undefined)
    return new UsageError(`unknown command ${JSON.stringify(name)}. Use ${instead}.`);
  const meant = nearest(
    name,
    verbs.flatMap((verb) => [verb.name, ...(verb.aliases ?? [])]),
  );
  const hint = meant === undefined ? '.' : `; did you mean ${JSON.stringify(meant)}?`;
  return new UsageError(
    `unknown command ${JSON.stringify(name)} for "agentctl"${hint} See 'agentctl --help'.`,
  );
}

/** Returns an error with its stack and its causes. */
export function debugText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by: ${debugText(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}

const withSubcommands = (command: Command): Command[] => [
  command,
  ...command.commands.flatMap((each) => withSubcommands(each)),
];

/** Flags may precede the verb: they are moved after it. */
function splitVerb(
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
function hoist(words: readonly string[], command: Command): string[] {
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
