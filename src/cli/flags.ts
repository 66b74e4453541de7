import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { shellWord } from '../api/text.ts';
import { type Paths, paths } from '../platform/paths.ts';
import type { Cli, GlobalOptions } from './cli.ts';
import { UsageError } from './failure.ts';
import { AsIs, type Text } from './print/shown.ts';

/** Flags with a value, after which the verb may follow. */
export const globalFlagsWithValue: ReadonlySet<string> = new Set([
  '-n',
  '--namespace',
  '--state-dir',
  '--socket',
  '--request-timeout',
]);

export function addGlobalOptions(command: Command): Command {
  return command
    .optionsGroup('Global options:')
    .option('-n, --namespace <name>', 'the namespace (default $AGENTCTL_NAMESPACE, or "default")')
    .option(
      '--state-dir <folder>',
      "the controller's state folder (default $AGENTCTL_STATE_DIR, or ~/.local/state/agentctl)",
    )
    .option('--socket <path>', "the controller's socket (default $AGENTCTL_SOCKET)")
    .option('--request-timeout <duration>', 'time out a request after this long, such as 30s')
    .option('--utc', 'show times in UTC, not in local time')
    .option('--no-start', 'do not start a controller in the background')
    .option('--debug', 'show where an error comes from')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false);
}

/** Aborts a stream on Ctrl-C, and after --request-timeout, as kubectl does. */
export function streamSignal(
  { requestTimeout }: Pick<GlobalOptions, 'requestTimeout'>,
  signal: AbortSignal,
): AbortSignal {
  if (requestTimeout === undefined) return signal;
  return AbortSignal.any([signal, AbortSignal.timeout(duration('--request-timeout')(requestTimeout))]);
}

export function namespaceOf(
  options: Pick<GlobalOptions, 'namespace'>,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  return options.namespace ?? environment.AGENTCTL_NAMESPACE ?? 'default';
}

/** Collects a flag that is repeated or has commas. */
export const collect = (value: string, earlier: string[] | undefined): string[] => [
  ...(earlier ?? []),
  value,
];

/** Returns an option whose `choices` commander checks. */
export const choice = (flags: string, description: string, choices: readonly string[]): Option =>
  new Option(flags, description).choices([...choices]);

/** Returns a parser of whole numbers for a flag. */
export function wholeNumber(flag: string): (value: string) => number {
  return (value) => {
    if (!/^-?\d+$/.test(value))
      throw new UsageError(`${flag}: found ${JSON.stringify(value)}, expected a whole number`);
    return Number(value);
  };
}

/** Returns a flag with a duration; `byDefault` is also written as one. */
export function durationOption(flags: string, description: string, byDefault?: string): Option {
  const [flag = flags] = flags.split(' ');
  const parse = duration(flag);
  const option = new Option(flags, description).argParser(parse);
  return byDefault === undefined ? option : option.default(parse(byDefault), byDefault);
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Returns a parser for a flag of 90s, 1h30m, 250ms or a number of seconds. The result is in milliseconds. */
export function duration(flag: string): (value: string) => number {
  return (value) => {
    if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
    if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(value)) {
      throw new UsageError(
        `${flag}: found ${JSON.stringify(value)}, expected a duration such as 90s, 15m or 1h30m`,
      );
    }
    let total = 0;
    for (const [, count, unit = 's'] of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
      total += Number(count) * (units[unit] ?? 0);
    }
    return total;
  };
}

/** Adds examples to a verb's help: a description and the command. */
export function examples(
  command: Command,
  ...pairs: readonly (readonly [what: string, how: string])[]
): Command {
  const lines = pairs.map(([what, how]) => `  # ${what}\n  ${how.replaceAll('\n', '\n  ')}\n`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

/** Adds -f, -k and -R, which name the manifests to read. */
export const fileFlags = (
  command: Command,
  files = 'a file, a folder, a URL, or - for standard input; can be repeated',
): Command =>
  command
    .option('-f, --filename <file>', files, collect)
    .option('-k, --kustomize <folder>', 'a folder with a kustomization.yaml; needs kustomize or kubectl')
    .option('-R, --recursive', 'read folders with their subfolders')
    .configureOutput({
      outputError: (text, write) =>
        write(text.replace(/(too many arguments.*?)\.?\n/, `$1. ${named(command)}\n`)),
    });

/** Suggests what a word without a flag may have meant. */
const named = (command: Command): string =>
  command.options.some(({ long }) => long === '--sync')
    ? 'Specify a sync with --sync NAME, and files with -f.'
    : 'Specify files with -f.';

/** Returns the flags of this command line that other commands need to reach the same controller and objects. */
export function flagsOf(
  { stateDir, socket, namespace }: Partial<GlobalOptions>,
  verbs: readonly string[],
): Cli['flags'] {
  const flag = (name: string, value: string | undefined): string =>
    value === undefined ? '' : `${name} ${shellWord(value)} `;
  return {
    controller: flag('--state-dir', stateDir) + flag('--socket', socket),
    namespace: flag('-n', namespace),
    verbs,
  };
}

/** Adds the flags of this command line to commands in a message, so that they work when pasted. */
export function pasteable(text: Text, { flags }: Pick<Cli, 'flags'>): Text {
  const { controller = '', namespace = '', verbs = [] } = flags ?? {};
  if (controller === '' && namespace === '') return text;
  if (text instanceof AsIs) return text;
  if (typeof text !== 'string') return text.map((part) => pasteable(part, { flags }));
  // A command in a message, as far as it certainly extends.
  const commands = new RegExp(`\\bagentctl (?=(${verbs.join('|')})\\b([^.,;:'\\n]*))`, 'g');
  return text.replace(commands, (head, verb: string, rest: string) => {
    const isPlaced =
      verb === 'controller' || / (-n|--namespace|-A)\b/.test(rest) || /^ namespaces?\b/.test(rest);
    return `${head}${controller}${isPlaced ? '' : namespace}`;
  });
}

/** All absolute, because a background controller has another working directory. */
export function pathsFor(options: GlobalOptions, environment: Cli['environment']): Paths {
  const state = options.stateDir ?? environment.AGENTCTL_STATE_DIR;
  const socket = options.socket ?? environment.AGENTCTL_SOCKET;
  const found = paths(environment, state === undefined ? undefined : resolve(state));
  return socket === undefined ? found : { ...found, socket: resolve(socket) };
}
