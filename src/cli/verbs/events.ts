import type { Command } from 'commander';
import { findKind } from '../../api/kinds.ts';
import type { Event } from '../../api/objects.ts';
import { age } from '../../api/time.ts';
import { byTime, isAbout, lastSeen } from '../../views/described.ts';
import type { Cli, GlobalOptions } from '../cli.ts';
import { CliError, UsageError } from '../failure.ts';
import { examples, namespaceOf, streamSignal } from '../flags.ts';
import { formatObjects, parseFormat, withoutManagedFields } from '../print/output-format.ts';
import { localTimes } from '../print/shown.ts';
import { tableWithWidths } from '../print/text-table.ts';
import { kindFor } from '../targets.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description('List events, the oldest first.')
    .option('--for <kind/name>', 'only events of this object; for an agent, of its instances too')
    .option('--types <types>', 'only events of this type: Normal or Warning')
    .option('-A, --all-namespaces', 'in all namespaces')
    .option('-w, --watch', 'keep watching for new events')
    .option('--no-headers', 'print no header line')
    .option('-o, --output <format>', 'json, yaml or name')
    .action((options: EventsOptions) => events(options, cli));
  examples(
    command,
    ['Watch the events of an agent', 'agentctl events --for agent/web -w'],
    ['All warnings', 'agentctl events -A --types=Warning'],
  );
}

interface EventsOptions extends GlobalOptions {
  for?: string;
  types?: string;
  allNamespaces?: boolean;
  watch?: boolean;
  headers: boolean;
  output?: string;
}

async function events(options: EventsOptions, cli: Cli): Promise<void> {
  const format = parseFormat(options.output, () => {
    throw new CliError('events does not support output formats from a file');
  });
  const wanted = filterOf(options);
  const namespace = options.allNamespaces === true ? undefined : namespaceOf(options, cli.environment);
  const client = await cli.connect(options);
  const list = await client.list('Event', { namespace });
  const found = list.items.filter(wanted).sort(byTime);
  if (format.type !== 'table') {
    const objects = found.map((item) =>
      withoutManagedFields({ ...item, apiVersion: 'v1' as const, kind: 'Event' as const }),
    );
    return cli.out(await formatObjects(format, objects, false));
  }
  if (found.length === 0 && options.watch !== true) {
    return cli.err(
      namespace === undefined ? 'No events found\n' : `No events found in ${namespace} namespace.\n`,
    );
  }
  const wide = options.allNamespaces === true;
  const header = [...(wide ? ['NAMESPACE'] : []), 'LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE'];
  let widths: number[] = [];
  const print = (rows: readonly string[][]): void => {
    const printed = tableWithWidths(rows, { widths, color: cli.terminal.color });
    widths = printed.widths;
    cli.out(printed.text);
  };
  const row = (event: Event): string[] => eventRow(event, cli.clock.now(), wide);
  print([...(options.headers ? [header] : []), ...found.map(row)]);
  if (options.watch !== true) return;
  const { resourceVersion } = list.metadata;
  for await (const change of client.watch('Event', {
    namespace,
    resourceVersion,
    signal: streamSignal(options, cli.signal),
  })) {
    if ((change.type === 'ADDED' || change.type === 'MODIFIED') && wanted(change.object))
      print([row(change.object)]);
  }
}

function filterOf(options: EventsOptions): (event: Event) => boolean {
  const types = options.types?.split(',').map((type) => type.toLowerCase());
  const wrong = types?.find((type) => type !== 'normal' && type !== 'warning');
  if (wrong !== undefined)
    throw new UsageError(`--types: found ${JSON.stringify(wrong)}, expected Normal or Warning`);
  const about = options.for === undefined ? () => true : aboutObject(options.for);
  return (event) =>
    about(event) && (types === undefined || types.includes((event.type ?? 'Normal').toLowerCase()));
}

function aboutObject(text: string): (event: Event) => boolean {
  const [, word = 'agent', name = text] = /^([^/]+)\/(.+)$/.exec(text) ?? [];
  const { kind } = kindFor(word);
  return (event) => isAbout(event, kind, name);
}

/** As in kubectl: `3m (x4 over 2h)`. */
function seen(event: Event, now: number): string {
  const last = age(lastSeen(event), now);
  if ((event.count ?? 1) <= 1) return last;
  return `${last} (x${event.count} over ${age(event.firstTimestamp ?? event.metadata.creationTimestamp, now)})`;
}

export function eventRow(event: Event, now: number, withNamespace: boolean): string[] {
  const { kind = '', name = '' } = event.involvedObject;
  const word = findKind(kind)?.singular ?? kind.toLowerCase();
  return [
    ...(withNamespace ? [event.metadata.namespace ?? ''] : []),
    seen(event, now),
    event.type ?? 'Normal',
    event.reason ?? '',
    `${word}/${name}`,
    localTimes(event.message ?? ''),
  ];
}
