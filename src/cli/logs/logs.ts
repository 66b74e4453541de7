import { ApiError } from '../../api/errors.ts';
import { type Instance, keyOf } from '../../api/objects.ts';
import { parseTime } from '../../api/time.ts';
import type { LogOptions } from '../../client/streams.ts';
import type { Cli, Client } from '../cli.ts';
import { CliError, UsageError } from '../failure.ts';
import { namespaceOf } from '../options.ts';
import { follow } from './follow.ts';
import { Merge } from './merge.ts';
import { checkCount, type LogsOptions } from './options.ts';
import { Printer } from './print.ts';
import { type Said, Sources } from './sources.ts';

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
    signal: cli.signal,
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
  // Of several, those of which there is nothing yet are of no interest.
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
    if (how.previous !== true || !(error instanceof ApiError) || error.reason !== 'BadRequest') throw error;
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
