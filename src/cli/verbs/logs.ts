import type { Command } from 'commander';
import { ApiError } from '../../api/errors.ts';
import { type Instance, keyOf } from '../../api/objects.ts';
import { protocolsThat } from '../../api/protocols.ts';
import { parseTime } from '../../api/time.ts';
import type { LogOptions } from '../../client/streams.ts';
import type { Cli, Client } from '../cli.ts';
import { CliError, UsageError } from '../failure.ts';
import { duration, examples, namespaceOf, streamSignal, wholeNumber } from '../flags.ts';
import { checkCount, follow, type LogsOptions, Printer } from '../logs/follow.ts';
import { Merge, type Said, Sources } from '../logs/log-sources.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      `Show the logs of agents: standard output and standard error of their instances, merged and ordered by time. For an agent with the protocol ${protocolsThat('transcript')}, show its conversations and its standard error. With -f, continue across restarts until Ctrl-C, and report restarts on standard error, in lines that begin with ---. Control characters, including colors, are shown as \\u001b, also in a pipe; --raw prints them as they are.`,
    )
    .argument('[agents...]', 'web or agent/web for all its instances, instance/web-0 for one')
    .option('-f, --follow', 'follow new lines, including those of new runs and instances')
    .option('-p, --previous', 'the last run that has ended')
    .option('--since <duration>', 'only lines newer than this, such as 10m', duration('--since'))
    .option('--since-time <time>', 'only lines after this RFC 3339 time')
    .option('--tail <lines>', 'only the last lines of each instance; -1 for all', wholeNumber('--tail'))
    .option('--raw', 'print the output unchanged, with control characters and protocol messages')
    .option('--timestamps', 'begin each line with its time, or - if it is unknown')
    .option('--prefix', "begin each line with the instance's name (default if there are several)")
    .option('--no-prefix', 'do not begin lines with a name')
    .option(
      '-l, --selector <labels>',
      'select agents with these labels, or instances, such as agentctl.dev/agent=web',
    )
    .option('--all', 'select all agents in the namespace')
    .option('-A, --all-namespaces', 'in all namespaces')
    .option(
      '--max-log-requests <count>',
      'the maximum number of instances to read at once',
      wholeNumber('--max-log-requests'),
      100,
    )
    .action((names: string[], options: LogsOptions) => logs(names, options, cli));
  examples(
    command,
    ['The last 20 lines, and new ones as they come', 'agentctl logs web -f --tail=20'],
    ['Two agents, or all agents of a team', 'agentctl logs web db -f; agentctl logs -l team=shop -f'],
    ['The output of the last run that has ended', 'agentctl logs web --previous'],
  );
}

export async function logs(names: readonly string[], options: LogsOptions, cli: Cli): Promise<void> {
  const { selector, all, allNamespaces, tail, raw, previous } = options;
  const many = selector !== undefined || all === true || allNamespaces === true;
  if (names.length > 0 === many) {
    throw new UsageError(
      'specify agents (web db), an instance (instance/web-0), -l with labels, --all, or -A',
    );
  }
  const since = sinceOf(options, cli);
  const client = await cli.connect(options);
  const namespace = allNamespaces === true ? undefined : namespaceOf(options, cli.environment);
  const sources = await Sources.find(client, { names, selector, namespace });
  const printer = new Printer(options, cli, sources.areMany);
  const how = {
    since,
    raw,
    previous,
    signal: streamSignal(options, cli.signal),
    ...(tail === undefined || tail < 0 ? {} : { tail }),
  };
  if (options.follow === true && previous !== true)
    return follow(client, sources, printer, how, options.maxLogRequests, cli);
  const wanted = sources.wanted();
  if (wanted.length === 0) throw new CliError(nothingText(sources));
  checkCount(wanted.length, options.maxLogRequests);
  const merge = new Merge<Said>(cli.clock, { live: false });
  const refused: string[] = [];
  for (const from of wanted) merge.add(output(client, from, how, refused));
  merge.seal();
  printer.expect(wanted.length);
  for await (const said of merge.entries()) printer.print(said);
  // If several were requested, those without any output yet are ignored.
  if (refused.length === wanted.length) throw new CliError(refused.join('\nerror: '));
}

async function* output(
  client: Client,
  from: Instance,
  how: LogOptions,
  refused: string[],
): AsyncGenerator<Said> {
  try {
    for await (const entry of client.log(keyOf(from), how)) yield { ...entry, from };
  } catch (error) {
    if (how.previous !== true || !(error instanceof ApiError) || error.code !== 'BadRequest') throw error;
    refused.push(error.message);
  }
}

function nothingText({ agents, namespace, areMany }: Sources): string {
  const [agent] = agents.values();
  if (agent === undefined || areMany)
    return namespace === undefined ? 'no instances found' : `no instances found in ${namespace} namespace`;
  const { name } = agent.metadata;
  return `agent ${name} has no instances yet. See agentctl describe agent ${name}`;
}

function sinceOf({ since, sinceTime }: LogsOptions, cli: Cli): number | undefined {
  if (since !== undefined && sinceTime !== undefined)
    throw new UsageError('--since and --since-time cannot be combined');
  if (since !== undefined) return cli.clock.now() - since;
  if (sinceTime === undefined) return undefined;
  const at = parseTime(sinceTime);
  if (at === undefined) {
    throw new UsageError(
      `--since-time: found ${JSON.stringify(sinceTime)}, expected an RFC 3339 time such as 2026-01-31T12:00:00Z`,
    );
  }
  return at;
}
