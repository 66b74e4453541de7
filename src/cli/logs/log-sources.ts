import { isApiError } from '../../api/errors.ts';
import { type Agent, type Instance, keyOf, keyText, type ObjectKey } from '../../api/objects.ts';
import { parseLabelSelector } from '../../api/selector.ts';
import type { LogEntry } from '../../client/streams.ts';
import type { Cancel, Clock } from '../../platform/clock.ts';
import type { Client } from '../cli.ts';
import { UsageError } from '../failure.ts';
import { kindFor } from '../targets.ts';

/** An entry and its Instance. */
export interface Said extends LogEntry {
  from: Instance;
}

interface Choice {
  /** `web`, `agent/web`, `instance/web-0`. */
  names: readonly string[];
  /** Labels of Agents, or of Instances. */
  selector?: string | undefined;
  /** Undefined: all namespaces. */
  namespace: string | undefined;
}

/** The Instances whose output is requested. They may change while the output is followed. */
export class Sources {
  readonly namespace: string | undefined;
  /** By uid. */
  readonly agents = new Map<string, Agent>();
  readonly instances = new Map<string, Instance>();
  /** The versions from which watches continue. */
  readonly versions: { agents: string; instances: string };
  /** Absent if names were given. */
  readonly #matches: ReturnType<typeof parseLabelSelector> | undefined;
  /** Keys of Instances that were named. */
  readonly #named = new Set<string>();

  private constructor({ names, selector, namespace }: Choice, versions: Sources['versions']) {
    this.namespace = namespace;
    this.versions = versions;
    if (names.length === 0)
      this.#matches = selector === undefined ? () => true : parseLabelSelector(selector);
  }

  /** Throws if a name is unknown, or is not the name of an agent or instance. */
  static async find(client: Client, choice: Choice): Promise<Sources> {
    const { namespace, names } = choice;
    // The names are looked up after the lists, so that a watch from the lists misses nothing.
    const [agents, instances] = await Promise.all([
      client.list('Agent', { namespace, ...(names.length > 0 ? { limit: 1 } : {}) }),
      client.list('Instance', { namespace }),
    ]);
    const versions = {
      agents: agents.metadata.resourceVersion,
      instances: instances.metadata.resourceVersion,
    };
    const sources = new Sources(choice, versions);
    for (const instance of instances.items) sources.instances.set(instance.metadata.uid, instance);
    if (names.length === 0) for (const agent of agents.items) sources.see(agent);
    for (const name of new Set(names)) {
      const found = await lookUp(client, name, namespace);
      if ('agent' in found) sources.agents.set(found.agent.metadata.uid, found.agent);
      else sources.#named.add(keyText(found.instance));
    }
    return sources;
  }

  /** Whether more than one agent can be included, now or later. */
  get areMany(): boolean {
    return this.#matches !== undefined || this.agents.size + this.#named.size > 1;
  }

  /** Whether everything that was named is gone. */
  get isOver(): boolean {
    return this.#matches === undefined && this.agents.size === 0 && this.wanted().length === 0;
  }

  /** Adds a new or changed Agent. */
  see(agent: Agent): void {
    const { uid, labels } = agent.metadata;
    if (this.#matches === undefined) return;
    if (this.#matches(labels)) this.agents.set(uid, agent);
    else this.agents.delete(uid);
  }

  /** Sorted by agent and ordinal. */
  wanted(): Instance[] {
    return [...this.instances.values()].filter((instance) => this.#wants(instance)).sort(inOrder);
  }

  #wants({ metadata, spec }: Instance): boolean {
    if (this.agents.has(spec.agentUID) || this.#named.has(keyText(metadata))) return true;
    return this.#matches?.(metadata.labels) ?? false;
  }
}

const inOrder = (a: Instance, b: Instance): number => {
  const [one, other] = [a, b].map(({ metadata, spec }) => `${metadata.namespace}/${spec.agentName}`);
  if (one === other) return a.spec.ordinal - b.spec.ordinal;
  return (one ?? '') < (other ?? '') ? -1 : 1;
};

async function lookUp(
  client: Client,
  name: string,
  namespace: string | undefined,
): Promise<{ agent: Agent } | { instance: ObjectKey }> {
  const [, word = 'agent', bare = name] = /^([^/]+)\/(.+)$/.exec(name) ?? [];
  const { kind } = kindFor(word);
  const key = namespace === undefined ? { name: bare } : { namespace, name: bare };
  if (kind === 'Instance') return { instance: keyOf(await client.get('Instance', key)) };
  if (kind !== 'Agent') throw new UsageError(`${kind} has no logs: specify an agent or an instance`);
  try {
    return { agent: await client.get('Agent', key) };
  } catch (error) {
    if (name !== bare || !isApiError(error, 'NotFound')) throw error;
    try {
      return { instance: keyOf(await client.get('Instance', key)) };
    } catch (second) {
      throw isApiError(second, 'NotFound') ? error : second;
    }
  }
}

/** How long a line waits for older lines of other followed streams. */
const patienceMs = 200;
/** How long it waits for the first line of another stream, which must be opened first. */
const openMs = 1_000;

interface Timed {
  at?: number | undefined;
}

interface Source<T> {
  iterator: AsyncIterator<T>;
  /** The next entry, once it has come, and the time by which it is sorted. */
  head?: { entry: T; time: number } | undefined;
  /** Until when other streams wait for this one. */
  waitedUntil: number;
}

/**
 * Merges streams into one, sorted by time, and buffers one entry of each. Ended streams are read completely, one after
 * the other. In `live` streams, an entry waits at most `patienceMs` for the others, and an entry without a time has the
 * time of its arrival. Throws the errors of the streams.
 */
export class Merge<T extends Timed> {
  readonly #clock: Clock;
  readonly #live: boolean;
  readonly #sources = new Set<Source<T>>();
  #sealed = false;
  #failure: { error: unknown } | undefined;
  #ring: () => void = () => {};

  constructor(clock: Clock, options: { live: boolean }) {
    this.#clock = clock;
    this.#live = options.live;
  }

  add(stream: AsyncIterable<T>): void {
    const source: Source<T> = { iterator: stream[Symbol.asyncIterator](), waitedUntil: 0 };
    this.#sources.add(source);
    this.#ask(source, openMs);
  }

  /** No stream will be added any more: ends with the last one. */
  seal(): void {
    this.#sealed = true;
    this.#ring();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#ring();
  }

  async *entries(): AsyncGenerator<T> {
    for (;;) {
      const { promise: changed, resolve } = Promise.withResolvers<void>();
      this.#ring = resolve;
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#sealed && this.#sources.size === 0) return;
      const { first, wait } = this.#look();
      if (first?.head !== undefined && wait === 0) {
        const { entry } = first.head;
        this.#ask(first);
        yield entry;
        continue;
      }
      const cancel: Cancel = wait === undefined ? () => {} : this.#clock.after(wait, resolve);
      await changed;
      cancel();
    }
  }

  /** Returns the earliest entry, and how long it must wait for the others; without `wait`, until they have come. */
  #look(): { first?: Source<T> | undefined; wait?: number | undefined } {
    let first: Source<T> | undefined;
    let latest: number | undefined;
    for (const source of this.#sources) {
      if (source.head === undefined) latest = Math.max(latest ?? 0, source.waitedUntil);
      else if (first?.head === undefined || source.head.time < first.head.time) first = source;
    }
    if (first === undefined) return {};
    if (latest === undefined) return { first, wait: 0 };
    return this.#live ? { first, wait: Math.max(0, latest - this.#clock.now()) } : {};
  }

  #ask(source: Source<T>, patience = patienceMs): void {
    source.head = undefined;
    source.waitedUntil = this.#clock.now() + patience;
    source.iterator.next().then(
      ({ done, value }) => {
        if (done === true) this.#sources.delete(source);
        else source.head = { entry: value, time: this.#timeOf(value) };
        this.#ring();
      },
      (error: unknown) => this.fail(error),
    );
  }

  /** A clock that is fast must not delay a line. */
  #timeOf({ at }: T): number {
    if (!this.#live) return at ?? 0;
    const now = this.#clock.now();
    return Math.min(at ?? now, now);
  }
}
