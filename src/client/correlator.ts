import type { AnyObject } from '../api/objects.ts';
import { Bucket } from '../platform/bucket.ts';
import type { Clock } from '../platform/clock.ts';

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

export interface Correlated {
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
export class Correlator {
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
export function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= remembered) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
