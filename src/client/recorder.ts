import { isApiError } from '../api/errors.ts';
import { type AnyObject, type Event, type Instance, keyOf, type ObjectKey } from '../api/objects.ts';
import { asSentence, beginning, visible } from '../api/text.ts';
import type { Clock } from '../platform/clock.ts';
import type { Ids } from '../platform/ids.ts';
import type { Log } from '../platform/log.ts';
import { Correlator, keep, type NewEvent } from './correlator.ts';
import type { Resources } from './resources.ts';

export type { NewEvent };

/** Characters of a message that are kept. */
const mostMessage = 4_096;

interface Entry {
  /** What the next write needs to know of the written Event. Not the whole Event, because thousands are kept. */
  event: { key: ObjectKey; count: number; message: string | undefined } | undefined;
  pending: number;
  writing: boolean;
}

/**
 * Writes Events (core/v1): for people, lossy, counted. The same event of the same object increases the count of one
 * Event. Events that arrive during a write, and those that the Correlator calls spam, are added to the next write.
 * Nothing waits for Events and no decision reads them.
 */
export class Recorder {
  readonly #resources: Resources;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #log: Log;
  readonly #correlator: Correlator;
  readonly #known = new Map<string, Entry>();
  readonly #listeners: ((about: AnyObject, newEvent: NewEvent) => void)[] = [];
  readonly #writes = new Set<Promise<void>>();

  constructor(resources: Resources, clock: Clock, ids: Ids, log: Log) {
    this.#resources = resources;
    this.#clock = clock;
    this.#ids = ids;
    this.#log = log;
    this.#correlator = new Correlator(clock);
  }

  onEvent(listener: (about: AnyObject, newEvent: NewEvent) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Removes terminal control sequences from the message, because it may quote an agent and kubectl prints it
   * unfiltered. Listeners get each event before it is combined with similar ones.
   */
  recordEvent(about: AnyObject, given: NewEvent): void {
    const { each, ...rest } = given;
    const told = { ...rest, message: asSentence(visible(given.message)) };
    const short = { ...told, message: beginning(told.message, mostMessage) };
    const { key, newEvent, spam } = this.#correlator.correlate(about, short);
    const entry = this.#known.get(key) ?? { event: undefined, pending: 0, writing: false };
    entry.pending += 1;
    keep(this.#known, key, entry);
    if (!spam || each === true) for (const listener of this.#listeners) listener(about, told);
    if (spam) return;
    if (entry.writing) return;
    const write: Promise<void> = this.#write(entry, about, newEvent).finally(() =>
      this.#writes.delete(write),
    );
    this.#writes.add(write);
  }

  /** Resolves when everything recorded so far is written. */
  async flush(): Promise<void> {
    await Promise.all(this.#writes);
  }

  async #write(entry: Entry, about: AnyObject, newEvent: NewEvent): Promise<void> {
    entry.writing = true;
    const at = new Date(this.#clock.now()).toISOString();
    while (entry.pending > 0) {
      const count = entry.pending;
      entry.pending = 0;
      const isKnown = entry.event !== undefined;
      try {
        const written =
          entry.event === undefined
            ? await this.#create(about, newEvent, at, count)
            : await this.#resources.patch('Event', entry.event.key, {
                type: 'merge',
                body: {
                  count: entry.event.count + count,
                  lastTimestamp: at,
                  ...(entry.event.message === newEvent.message ? {} : { message: newEvent.message }),
                },
              });
        entry.event = { key: keyOf(written), count: written.count ?? 1, message: written.message };
      } catch (error) {
        entry.event = undefined;
        // The Event has expired, so a new one is written.
        if (isKnown && isApiError(error, 'NotFound')) {
          entry.pending += count;
          continue;
        }
        this.#log.debug({ err: error, reason: newEvent.reason }, 'an Event could not be written');
      }
    }
    entry.writing = false;
  }

  #create(about: AnyObject, newEvent: NewEvent, at: string, count: number): Promise<Event> {
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
      ...(about.kind === 'Instance' ? { related: agentOf(about) } : {}),
      ...newEvent,
      count,
      firstTimestamp: at,
      lastTimestamp: at,
      eventTime: at.replace(/Z$/, '000Z'), // a MicroTime: kubectl requires exactly six digits
      source: { component: 'agentctl' },
      reportingComponent: 'agentctl.dev/controller',
      reportingInstance: 'agentctl',
    });
  }
}

const agentOf = ({ apiVersion, metadata, spec }: Instance): Event['related'] => ({
  apiVersion,
  kind: 'Agent',
  name: spec.agentName,
  ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  uid: spec.agentUID,
});
