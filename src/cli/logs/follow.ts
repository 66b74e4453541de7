import { isApiError, UnreachableError } from '../../api/errors.ts';
import { type Instance, keyOf, keyText } from '../../api/objects.ts';
import { LogPosition } from '../../client/log-position.ts';
import { found } from '../../client/resources.ts';
import type { LogOptions } from '../../client/streams.ts';
import { sleep } from '../../platform/clock.ts';
import type { Cli, Client, GlobalOptions } from '../cli.ts';
import { CliError } from '../failure.ts';
import { AsIs, rawIf, type Text } from '../print/shown.ts';
import { dim } from '../print/text-table.ts';
import { Merge, type Said, type Sources } from './log-sources.ts';

/** How often it is checked whether a controller answers again, in milliseconds. */
const retryMs = 1_000;

/**
 * Prints the output of the instances until Ctrl-C, including new instances. Ends when everything that was named has
 * been deleted.
 */
export async function follow(
  client: Client,
  sources: Sources,
  printer: Printer,
  how: LogOptions,
  most: number,
  cli: Cli,
): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([how.signal, over.signal]);
  const merge = new Merge<Said>(cli.clock, { live: true });
  const followed = new Set<string>();
  let active = 0;
  let isFull = false;
  how.signal.addEventListener('abort', () => merge.seal(), { once: true });

  const away = new Away(client, cli, printer);
  const counted = async function* (stream: AsyncIterable<Said>): AsyncGenerator<Said> {
    yield* stream;
    active -= 1;
  };

  const join = (): void => {
    for (const instance of sources.wanted()) {
      const { uid, name } = instance.metadata;
      if (followed.has(uid)) continue;
      if (active >= most) {
        if (!isFull)
          printer.note(`${name} and later instances are not followed, as --max-log-requests is ${most}`);
        isFull = true;
        return;
      }
      followed.add(uid);
      active += 1;
      printer.expect(followed.size);
      merge.add(counted(output(client, instance, { ...how, signal }, away)));
    }
    if (sources.isOver) merge.seal();
  };

  checkCount(sources.wanted().length, most);
  if (sources.wanted().length === 0) printer.note('There is no instance yet. Waiting for one.');
  join();
  void watchInstances(client, sources, join, away, signal).catch((error: unknown) => merge.fail(error));
  void watchAgents(client, sources, join, printer, away, signal).catch((error: unknown) => merge.fail(error));
  try {
    for await (const said of merge.entries()) printer.print(said);
  } finally {
    over.abort();
  }
}

/** Yields the output of one instance until it is deleted. */
async function* output(client: Client, from: Instance, how: LogOptions, away: Away): AsyncGenerator<Said> {
  const position = new LogPosition();
  for (let options = how; ; ) {
    try {
      for await (const entry of client.log(keyOf(from), { ...options, follow: true, runs: true }))
        if (entry.stream === 'note' || position.isNew(entry)) yield { ...entry, from };
      if (how.signal.aborted || (await isGone(client, from))) return;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return;
      if (!(error instanceof UnreachableError)) throw error;
    }
    await away.end();
    if (how.signal.aborted) return;
    // Lines without times cannot be found again.
    if (!position.canReopen) yield lostNote(from);
    const since = position.canReopen ? position.since : undefined;
    options = { ...how, tail: position.canReopen ? undefined : 0, since: since ?? how.since };
    position.reopen();
  }
}

/** The time during which no controller answers, for example during a restart. */
class Away {
  readonly #client: Client;
  readonly #cli: Cli;
  readonly #printer: Printer;
  #ended: Promise<void> | undefined;

  constructor(client: Client, cli: Cli, printer: Printer) {
    this.#client = client;
    this.#cli = cli;
    this.#printer = printer;
  }

  /** Resolves once a controller answers, or at Ctrl-C. */
  end(): Promise<void> {
    this.#ended ??= this.#wait().finally(() => {
      this.#ended = undefined;
    });
    return this.#ended;
  }

  async #wait(): Promise<void> {
    const { clock, signal } = this.#cli;
    for (let isNoted = false; ; isNoted = true) {
      await sleep(clock, retryMs, signal);
      if (signal.aborted) return;
      try {
        await this.#client.status();
        if (isNoted) this.#printer.note('The controller is back.');
        return;
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error;
      }
      if (!isNoted)
        this.#printer.note(
          'The controller cannot be reached; agents keep running. The logs continue when it is back.',
        );
    }
  }
}

const lostNote = (from: Instance): Said => ({
  from,
  stream: 'note',
  text: 'Its output in the meantime is not shown, since its lines have no times.',
});

async function isGone(client: Client, { metadata }: Instance): Promise<boolean> {
  const now = await found(client.get('Instance', keyOf({ metadata })));
  return now?.metadata.uid !== metadata.uid;
}

/**
 * Waits until a controller answers. Returns whether the watch can continue; false means that everything must be listed
 * again.
 */
async function isLost(error: unknown, away: Away): Promise<boolean> {
  if (isApiError(error, 'Expired')) return false;
  if (!(error instanceof UnreachableError)) throw error;
  await away.end();
  return true;
}

async function watchInstances(
  client: Client,
  { namespace, instances, versions }: Sources,
  changed: () => void,
  away: Away,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const options = { namespace, resourceVersion: versions.instances, signal };
      for await (const { type, object } of client.watch('Instance', options)) {
        versions.instances = object.metadata.resourceVersion;
        if (type === 'BOOKMARK') continue;
        const { uid } = object.metadata;
        if (type === 'DELETED') instances.delete(uid);
        else instances.set(uid, object);
        changed();
      }
    } catch (error) {
      if (await isLost(error, away)) continue;
      const { items, metadata } = await client.list('Instance', { namespace });
      instances.clear();
      for (const instance of items) instances.set(instance.metadata.uid, instance);
      versions.instances = metadata.resourceVersion;
      changed();
    }
  }
}

async function watchAgents(
  client: Client,
  sources: Sources,
  changed: () => void,
  printer: Printer,
  away: Away,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, agents, versions } = sources;
  const gone = (uid: string): void => {
    const agent = agents.get(uid);
    if (agent === undefined || !agents.delete(uid)) return;
    const key = namespace === undefined ? keyText(agent.metadata) : agent.metadata.name;
    printer.note(`agent ${key} was deleted.`);
  };
  while (!signal.aborted) {
    try {
      const options = { namespace, resourceVersion: versions.agents, signal };
      for await (const { type, object } of client.watch('Agent', options)) {
        versions.agents = object.metadata.resourceVersion;
        if (type === 'BOOKMARK') continue;
        if (type === 'DELETED') gone(object.metadata.uid);
        else sources.see(object);
        changed();
      }
    } catch (error) {
      if (await isLost(error, away)) continue;
      const { items, metadata } = await client.list('Agent', { namespace });
      const there = new Set(items.map((agent) => agent.metadata.uid));
      for (const uid of [...agents.keys()]) if (!there.has(uid)) gone(uid);
      for (const agent of items) sources.see(agent);
      versions.agents = metadata.resourceVersion;
      changed();
    }
  }
}

/** The colors of prefixes, in turn. Red is reserved for errors. */
const palette = [36, 32, 33, 35, 34, 96, 92, 93, 95, 94].map((code) => new AsIs(`\u001b[${code}m`));
const plain = new AsIs('\u001b[39m');

/** Prints entries: output to standard output, notes to standard error. */
export class Printer {
  readonly #options: LogsOptions;
  readonly #cli: Cli;
  readonly #colors = new Map<string, AsIs | undefined>();
  #prefix: boolean;

  constructor(options: LogsOptions, cli: Cli, areMany: boolean) {
    this.#options = options;
    this.#cli = cli;
    this.#prefix = options.prefix ?? areMany;
  }

  /** Sets the number of instances. More than one enables the prefix, unless --no-prefix. */
  expect(count: number): void {
    if (count > 1) this.#prefix = this.#options.prefix ?? true;
  }

  print({ from, stream, at, text }: Said): void {
    const { raw, timestamps, allNamespaces } = this.#options;
    const time = timestamps === true ? `${at === undefined ? '-' : new Date(at).toISOString()} ` : '';
    const name = allNamespaces === true ? keyText(from.metadata) : from.metadata.name;
    if (stream === 'note') {
      this.note(`${time}${name}: ${text}`);
      return;
    }
    // Each entry is one line with its own prefix.
    const line = raw === true ? text : text.replaceAll('\n', '\\n');
    this.#cli.out([this.#prefix ? this.#tag(name) : '', time, rawIf(raw, line), '\n']);
  }

  note(text: string): void {
    const { terminal } = this.#cli;
    this.#cli.err([dim(`--- ${text}`, terminal.err && terminal.color), '\n']);
  }

  #tag(name: string): Text {
    if (!this.#cli.terminal.color) return `[${name}] `;
    let color = this.#colors.get(name);
    if (color === undefined) {
      color = palette[this.#colors.size % palette.length] ?? plain;
      this.#colors.set(name, color);
    }
    return [color, `[${name}]`, plain, ' '];
  }
}

export interface LogsOptions extends GlobalOptions {
  follow?: boolean;
  previous?: boolean;
  since?: number;
  sinceTime?: string;
  tail?: number;
  timestamps?: boolean;
  /** Defaults to true for more than one instance. */
  prefix?: boolean;
  selector?: string;
  all?: boolean;
  allNamespaces?: boolean;
  maxLogRequests: number;
  raw?: boolean;
}

export function checkCount(count: number, most: number): void {
  if (count <= most) return;
  throw new CliError(
    `found ${count} instances, but at most ${most} can be read at once: select fewer, or raise --max-log-requests`,
  );
}
