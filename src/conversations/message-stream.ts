import type { StreamEntry, StreamOptions } from '../client/streams.ts';
import type { Journal, StoredEvent } from '../messages/journal.ts';
import { isFinal, type Message } from '../messages/message.ts';
import type { JournalObjects } from './journal-objects.ts';
import type { Open } from './open-message.ts';

/** Events that are read from the journal at once. */
const few = 64;

/** Wakes the followers of a message. They read new events themselves, so a slow one costs nothing. */
export class Hub {
  readonly #waiting = new Map<string, Set<() => void>>();

  changed(message: string): void {
    for (const wake of this.#waiting.get(message) ?? []) wake();
  }

  follow(message: string, signal: AbortSignal): Follower {
    let changed = true;
    let wake: (() => void) | undefined;
    const onChange = (): void => {
      changed = true;
      wake?.();
    };
    const all = this.#waiting.get(message) ?? new Set();
    this.#waiting.set(message, all.add(onChange));
    signal.addEventListener('abort', onChange, { once: true });
    return {
      async next() {
        if (!changed && !signal.aborted)
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        changed = false;
      },
      end: () => {
        signal.removeEventListener('abort', onChange);
        all.delete(onChange);
        if (all.size === 0) this.#waiting.delete(message);
      },
    };
  }
}

interface Follower {
  /** Resolves when something has changed since the last call, or when the signal aborts. */
  next(): Promise<void>;
  end(): void;
}

export interface FollowDeps {
  journal: Journal;
  objects: JournalObjects;
  hub: Hub;
  opens: ReadonlyMap<string, Open>;
}

/** Yields the events of a message after `after`, until its end or until now. */
export async function* follow(
  { journal, objects, hub, opens }: FollowDeps,
  message: Message,
  { after = 0, follow: toTheEnd = true, signal }: StreamOptions,
): AsyncGenerator<StreamEntry> {
  const follower = hub.follow(message.id, signal);
  let seq = after;
  let state: Message['state'] | undefined;
  try {
    for (;;) {
      await follower.next();
      if (signal.aborted) return;
      const open = opens.get(message.id);
      const now = open?.message;
      if (now !== undefined && now.state !== state) {
        state = now.state;
        yield { state, ...(now.interrupted === undefined ? {} : { message: now.interrupted }) };
      }
      const tail = open?.tail.events ?? [];
      const first = tail[0]?.seq ?? Number.POSITIVE_INFINITY;
      if (open === undefined || first > seq + 1)
        for (const event of stored(journal, message.id, seq)) {
          if (event.seq >= first) break;
          seq = event.seq;
          yield event;
        }
      for (const event of tail)
        if (event.seq > seq) {
          seq = event.seq;
          yield event;
        }
      const last = open === undefined ? journal.message(message.id) : undefined;
      if (last !== undefined && isFinal(last.state)) {
        yield { end: objects.message(last) };
        return;
      }
      const pruned = open === undefined && last === undefined;
      if (pruned || !toTheEnd) return;
    }
  } finally {
    follower.end();
  }
}

/** Yields stored events. Holds only a few of them in memory. */
function* stored(journal: Pick<Journal, 'events'>, message: string, after: number): Generator<StoredEvent> {
  for (let seq = after; ; ) {
    const some = journal.events(message, seq, few);
    yield* some;
    seq = some.at(-1)?.seq ?? seq;
    if (some.length < few) return;
  }
}
