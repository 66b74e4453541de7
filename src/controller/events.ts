import type { AnyObject, Event } from '../api/objects.ts';
import { visible } from '../api/visible.ts';
import type { Resources } from '../client/resources.ts';
import type { Clock } from '../platform/clock.ts';
import type { Ids } from '../platform/ids.ts';
import type { Log } from '../platform/log.ts';

export interface Happening {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

const remembered = 1_000;

/**
 * Writes Events (core/v1): for people, lossy, counted. The same happening of the same object counts up one Event; what
 * comes while a write is under way is added to the next one. Nothing waits for it and no decision reads it.
 */
export class Recorder {
  readonly #resources: Resources;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #log: Log;
  readonly #known = new Map<string, { event: Event | undefined; pending: number; writing: boolean }>();
  readonly #listeners: ((about: AnyObject, happening: Happening) => void)[] = [];
  readonly #writes = new Set<Promise<void>>();

  constructor(resources: Resources, clock: Clock, ids: Ids, log: Log) {
    this.#resources = resources;
    this.#clock = clock;
    this.#ids = ids;
    this.#log = log;
  }

  onEvent(listener: (about: AnyObject, happening: Happening) => void): void {
    this.#listeners.push(listener);
  }

  /** The message may quote an agent, and kubectl prints it as it is: it is kept without what steers a terminal. */
  record(about: AnyObject, { type, reason, ...told }: Happening): void {
    const happening = { type, reason, message: visible(told.message) };
    for (const listener of this.#listeners) listener(about, happening);
    const key = `${about.metadata.uid}\n${happening.reason}\n${happening.message}`;
    const entry = this.#known.get(key) ?? { event: undefined, pending: 0, writing: false };
    entry.pending += 1;
    this.#known.delete(key);
    this.#known.set(key, entry);
    if (this.#known.size > remembered) this.#forgetOldest();
    if (entry.writing) return;
    const write: Promise<void> = this.#write(entry, about, happening).finally(() =>
      this.#writes.delete(write),
    );
    this.#writes.add(write);
  }

  /** Resolves when all that was recorded so far is written. */
  async flush(): Promise<void> {
    await Promise.all(this.#writes);
  }

  async #write(
    entry: { event: Event | undefined; pending: number; writing: boolean },
    about: AnyObject,
    happening: Happening,
  ): Promise<void> {
    entry.writing = true;
    const at = new Date(this.#clock.now()).toISOString();
    while (entry.pending > 0) {
      const count = entry.pending;
      entry.pending = 0;
      try {
        entry.event =
          entry.event === undefined
            ? await this.#create(about, happening, at, count)
            : await this.#resources.patch('Event', entry.event.metadata, {
                type: 'merge',
                body: { count: (entry.event.count ?? 1) + count, lastTimestamp: at },
              });
      } catch (error) {
        entry.event = undefined;
        this.#log.debug({ err: error, reason: happening.reason }, 'an Event was not written');
      }
    }
    entry.writing = false;
  }

  #create(about: AnyObject, happening: Happening, at: string, count: number): Promise<Event> {
    const { name, namespace, uid, resourceVersion } = about.metadata;
    const home = namespace ?? 'default';
    return this.#resources.create('Event', {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${this.#ids.uid().slice(0, 13)}`, namespace: home },
      involvedObject: {
        apiVersion: about.apiVersion,
        kind: about.kind,
        name,
        namespace,
        uid,
        resourceVersion,
      },
      ...happening,
      count,
      firstTimestamp: at,
      lastTimestamp: at,
      eventTime: at.replace(/Z$/, '000Z'), // a MicroTime: kubectl takes six digits and no others
      source: { component: 'agentctl' },
      reportingComponent: 'agentctl.dev/controller',
      reportingInstance: 'agentctl',
    });
  }

  #forgetOldest(): void {
    const oldest = this.#known.keys().next();
    if (oldest.done !== true) this.#known.delete(oldest.value);
  }
}
