import { isApiError } from '../api/errors.ts';
import { type AnyObject, type Event, type Instance, keyOf, type ObjectKey } from '../api/objects.ts';
import { asSentence, beginning, visible } from '../api/text.ts';
import { Bucket, type Clock } from '../platform/clock.ts';
import type { Ids } from '../platform/ids.ts';
import type { Log } from '../platform/log.ts';
import type { Resources } from './resources.ts';

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
    const shown = { ...rest, message: asSentence(visible(given.message)) };
    const short = { ...shown, message: beginning(shown.message, mostMessage) };
    const { key, newEvent, spam } = this.#correlator.correlate(about, short);
    const entry = this.#known.get(key) ?? { event: undefined, pending: 0, writing: false };
    entry.pending += 1;
    keep(this.#known, key, entry);
    if (!spam || each === true) for (const listener of this.#listeners) listener(about, shown);
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

export interface NewEvent {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  /** Listeners get every single event, even if it is spam. */
  each?: true | undefined;
}

/** The values of client-go's tools/record. */
const similar = { most: 10, within: 600_000 };
const spam = { burst: 25, rate: 1 / 300 };
const remembered = 4_096;

const combined = '(combined from similar events): ';

/** Events of one object that differ only in their messages. */
interface Group {
  messages: Set<string>;
  at: number;
}

interface Correlated {
  /** Occurrences with the same key become one Event. */
  key: string;
  newEvent: NewEvent;
  /**
   * Too many events of this object and reason: it is counted with the next one that is written, and listeners do not
   * get it.
   */
  spam: boolean;
}

/**
 * Combines and limits events before they are written, as client-go's EventCorrelator does: more than ten that differ
 * only in their messages become one, and a token bucket limits how many are reported. Unlike in client-go, the bucket
 * is per object and reason, so that a flood of one reason does not silence the others. Reasons are our own, so there
 * are few.
 */
class Correlator {
  readonly #clock: Clock;
  readonly #groups = new Map<string, Group>();
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  correlate(about: AnyObject, newEvent: NewEvent): Correlated {
    const { kind, metadata } = about;
    const group = `${kind}\n${metadata.uid ?? metadata.name}\n${newEvent.type}\n${newEvent.reason}`;
    const bucket = this.#buckets.get(group) ?? new Bucket(this.#clock, spam);
    keep(this.#buckets, group, bucket);
    const isCombined = this.#isOneOfMany(group, newEvent.message);
    return {
      key: isCombined ? group : `${group}\n${newEvent.message}`,
      newEvent: isCombined ? { ...newEvent, message: combined + newEvent.message } : newEvent,
      spam: !bucket.take(),
    };
  }

  #isOneOfMany(key: string, message: string): boolean {
    const now = this.#clock.now();
    const known = this.#groups.get(key);
    const group =
      known === undefined || now - known.at > similar.within
        ? { messages: new Set<string>(), at: now }
        : known;
    group.at = now;
    keep(this.#groups, key, group);
    if (group.messages.has(message)) return false;
    if (group.messages.size >= similar.most) return true;
    group.messages.add(message);
    return false;
  }
}

/** Sets an entry. Above `remembered`, deletes the least recently used one. */
function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= remembered) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
