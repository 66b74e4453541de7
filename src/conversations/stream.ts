import type { StreamEntry, StreamOptions } from '../client/streams.ts';
import type { Journal, StoredEvent } from '../messages/journal.ts';
import { isFinal, type Message } from '../messages/message.ts';
import type { JournalObjects } from './objects.ts';
import type { TalkState } from './talk-state.ts';

const few = 64;

/** Yields the events of a message after `after`, until its end or until now. */
export async function* follow(
  talkState: TalkState,
  objects: JournalObjects,
  message: Message,
  { after = 0, follow: toTheEnd = true, signal }: StreamOptions,
): AsyncGenerator<StreamEntry> {
  const { journal } = talkState.deps;
  const follower = talkState.hub.follow(message.id, signal);
  let seq = after;
  let state: Message['state'] | undefined;
  try {
    for (;;) {
      await follower.next();
      if (signal.aborted) return;
      const open = talkState.opens.get(message.id);
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
