import { isApiError } from '../../api/errors.ts';
import { type Instance, keyOf, keyText } from '../../api/objects.ts';
import type { LogOptions } from '../../client/streams.ts';
import type { Cli, Client } from '../cli.ts';
import { CliError, exitCode } from '../failure.ts';
import { checkCount, type Said } from './logs.ts';
import { Merge } from './merge.ts';
import type { Printer } from './print.ts';
import type { Sources } from './sources.ts';

/**
 * Prints what the instances say until Ctrl-C, with those that join on the way. Ends where everything that was named has
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

  const join = (): void => {
    for (const instance of sources.wanted()) {
      const { uid, name } = instance.metadata;
      if (followed.has(uid)) continue;
      if (active >= most) {
        if (!isFull)
          printer.note(`${name} and those after it are not followed: --max-log-requests is ${most}`);
        isFull = true;
        return;
      }
      followed.add(uid);
      active += 1;
      printer.expect(followed.size);
      const ended = (): void => {
        active -= 1;
      };
      merge.add(output(client, instance, { ...how, signal }, ended));
    }
    if (sources.isOver) merge.seal();
  };

  checkCount(sources.wanted().length, most);
  if (sources.wanted().length === 0) printer.note('There is no instance yet. Waiting for one.');
  join();
  void watchInstances(client, sources, join, signal).catch((error: unknown) => merge.fail(error));
  void watchAgents(client, sources, join, printer, signal).catch((error: unknown) => merge.fail(error));
  try {
    for await (const said of merge.entries()) printer.print(said);
  } finally {
    over.abort();
  }
}

/** The output of one instance up to its deletion. */
async function* output(
  client: Client,
  from: Instance,
  how: LogOptions,
  onEnd: () => void,
): AsyncGenerator<Said> {
  for await (const entry of client.log(keyOf(from), { ...how, follow: true, runs: true }))
    yield { ...entry, from };
  if (how.signal.aborted || (await isGone(client, from))) return onEnd();
  throw new CliError(
    'the controller has ended, and with it the log. Agents run on; follow them again once it is back',
    {
      exitCode: exitCode.unreachable,
    },
  );
}

async function isGone(client: Client, { metadata }: Instance): Promise<boolean> {
  try {
    const found = await client.get('Instance', keyOf({ metadata }));
    return found.metadata.uid !== metadata.uid;
  } catch (error) {
    if (isApiError(error, 'NotFound')) return true;
    throw error;
  }
}

async function watchInstances(
  client: Client,
  { namespace, instances, versions }: Sources,
  changed: () => void,
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
      if (!isApiError(error, 'Expired')) throw error;
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
      if (!isApiError(error, 'Expired')) throw error;
      const { items, metadata } = await client.list('Agent', { namespace });
      const there = new Set(items.map((agent) => agent.metadata.uid));
      for (const uid of [...agents.keys()]) if (!there.has(uid)) gone(uid);
      for (const agent of items) sources.see(agent);
      versions.agents = metadata.resourceVersion;
      changed();
    }
  }
}
