import { type Command, Option } from 'commander';
import { UsageError } from './failure.ts';

/** Flags that every verb accepts. */
export interface GlobalOptions {
  namespace?: string;
  stateDir?: string;
  socket?: string;
  requestTimeout?: string;
  utc?: boolean;
  /** False with --no-start. */
  start: boolean;
  debug?: boolean;
}

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
