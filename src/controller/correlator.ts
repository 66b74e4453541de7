import type { AnyObject } from '../api/objects.ts';
import { Bucket } from '../platform/bucket.ts';
import type { Clock } from '../platform/clock.ts';

export interface NewEvent {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  /** Listeners are told of each one, however many there are. */
  each?: true | undefined;
}

/** As client-go's tools/record has them. */
const similar = { most: 10, within: 600_000 };
const spam = { burst: 25, rate: 1 / 300 };
const remembered = 4_096;

const combined = '(combined from similar events): ';

/** Happenings of one object that differ in their messages alone. */
interface Group {
  messages: Set<string>;
  at: number;
}

export interface Correlated {
  /** Happenings with the same key are one Event. */
  key: string;
  newEvent: NewEvent;
  /** There were too many of its kind: it is counted with the next one that is written, and told to nobody. */
  spam: boolean;
}

/**
 * What becomes of a new event before it is written, as client-go's EventCorrelator has it: more than ten that differ in
 * their messages alone become one, and of many only some are told. Unlike there, the limit is of an object and a reason,
 * so that a flood of one reason does not silence the others; the reasons are ours, so there are few.
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

/** The least recently used goes first. */
export function keep<T>(map: Map<string, T>, key: string, value: T, most = remembered): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
