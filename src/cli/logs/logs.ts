import { isApiError } from '../../api/errors.ts';
import { kindInfo } from '../../api/kinds.ts';
import type { Instance, ObjectKey } from '../../api/objects.ts';
import { parseTime } from '../../api/time.ts';
import type { Cli, Client } from '../cli.ts';
import { CliError, UsageError } from '../failure.ts';
import { type GlobalOptions, namespaceOf } from '../options.ts';
import { rawIf } from '../print/shown.ts';
import { kindFor } from '../targets.ts';
import { mergeByTime } from './merge.ts';

export interface LogsOptions extends GlobalOptions {
  follow?: boolean;
  previous?: boolean;
  since?: number;
  sinceTime?: string;
  tail?: number;
  timestamps?: boolean;
  /** Absent: for more than one instance. */
  prefix?: boolean;
  selector?: string;
  raw?: boolean;
}

export async function logs(name: string | undefined, options: LogsOptions, cli: Cli): Promise<void> {
  if ((name === undefined) === (options.selector === undefined)) {
    throw new UsageError('say whose output: an agent (web), an instance (instance/web-0), or -l with labels');
  }
  const since = sinceOf(options, cli);
  const client = await cli.connect(options);
  const namespace = namespaceOf(options, cli.environment);
  const instances = await instancesOf(client, name, options.selector, namespace);
  const prefix = options.prefix ?? instances.length > 1;
  const { signal } = cli;
  const { follow, previous, tail, raw } = options;
  const streams = instances.map(async function* (key: ObjectKey) {
    const entries = client.log(key, {
      follow,
      previous,
      since,
      raw,
      signal,
      ...(tail === undefined || tail < 0 ? {} : { tail }),
    });
    for await (const entry of entries) yield { ...entry, instance: key.name };
  });
  for await (const { instance, at, text } of mergeByTime(streams, follow === true)) {
    const time = options.timestamps === true ? `${at === undefined ? '-' : new Date(at).toISOString()} ` : '';
    // Each entry is one line, which has its own prefix.
    const line = raw === true ? text : text.replaceAll('\n', '\\n');
    cli.out([prefix ? `[${instance}] ` : '', time, rawIf(raw, line), '\n']);
  }
}

function sinceOf({ since, sinceTime }: LogsOptions, cli: Cli): number | undefined {
  if (since !== undefined && sinceTime !== undefined)
    throw new UsageError('--since and --since-time exclude each other');
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

/** Of an agent by its name, or an instance; a bare name that is no agent may be an instance's. */
async function instancesOf(
  client: Client,
  name: string | undefined,
  selector: string | undefined,
  namespace: string,
): Promise<ObjectKey[]> {
  if (name === undefined) {
    const { items } = await client.list('Instance', { namespace, labelSelector: selector });
    if (items.length === 0) throw new CliError(`no instance in ${namespace} namespace has these labels`);
    return items.map(keyOfInstance);
  }
  const [, word = 'agent', bare = name] = /^([^/]+)\/(.+)$/.exec(name) ?? [];
  const { kind } = kindFor(word);
  if (kind === 'Instance') return [{ namespace, name: bare }];
  if (kind !== 'Agent') throw new UsageError(`${kind} has no output: name an agent or an instance`);
  try {
    const agent = await client.get('Agent', { namespace, name: bare });
    const { items } = await client.list('Instance', { namespace });
    const own = items
      .filter(({ spec }) => spec.agentUID === agent.metadata.uid)
      .sort((a, b) => a.spec.ordinal - b.spec.ordinal);
    if (own.length === 0) {
      throw new CliError(
        `agent ${bare} has no instances yet: agentctl describe ${kindInfo('Agent').singular} ${bare} says why`,
      );
    }
    return own.map(keyOfInstance);
  } catch (error) {
    if (name !== bare || !isApiError(error, 'NotFound')) throw error;
    const key = { namespace, name: bare };
    const isInstance = await client.get('Instance', key).then(
      () => true,
      () => false,
    );
    if (isInstance) return [key];
    throw error;
  }
}

const keyOfInstance = ({ metadata: { namespace, name } }: Instance): ObjectKey =>
  namespace === undefined ? { name } : { namespace, name };
