import { beginning } from '../../api/cut.ts';
import type { StreamEntry, StreamOptions } from '../../client/streams.ts';
import type { Journal, StoredEvent } from '../../messages/journal.ts';
import { isFinal, type Message } from '../../messages/message.ts';
import type { TurnEvent } from '../../protocols/talk.ts';
import type { JournalObjects } from './objects.ts';
import type { TalkState } from './talk-state.ts';

const few = 64;

/** What happens to a message from event `after` on, up to its end, or up to now. */
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

/** However many there are, only some are held at once. */
function* stored(journal: Pick<Journal, 'events'>, message: string, after: number): Generator<StoredEvent> {
  for (let seq = after; ; ) {
    const some = journal.events(message, seq, few);
    yield* some;
    seq = some.at(-1)?.seq ?? seq;
    if (some.length < few) return;
  }
}

/** Wakes those who follow a message. They read what is new themselves, so a slow one costs nothing. */
export class Hub {
  readonly #waiting = new Map<string, Set<() => void>>();

  changed(message: string): void {
    for (const wake of this.#waiting.get(message) ?? []) wake();
  }

  follow(message: string, signal: AbortSignal): Follower {
    let changed = true;
    let wake: (() => void) | undefined;
    const tell = (): void => {
      changed = true;
      wake?.();
    };
    const all = this.#waiting.get(message) ?? new Set();
    this.#waiting.set(message, all.add(tell));
    signal.addEventListener('abort', tell, { once: true });
    return {
      async next() {
        if (!changed && !signal.aborted)
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        changed = false;
      },
      end: () => {
        signal.removeEventListener('abort', tell);
        all.delete(tell);
        if (all.size === 0) this.#waiting.delete(message);
      },
    };
  }
}

export interface Follower {
  /** Resolves when something has changed since the last time, or the signal aborts. */
  next(): Promise<void>;
  end(): void;
}

const mostEvents = 512;
/** In characters. */
const mostText = 2 * 1024 * 1024;

/** The newest events of a message, to be streamed without asking the journal: bounded, however much an agent says. */
export class Tail {
  /** Grows at its end; when it is cut a new one takes its place, so that who reads the old one goes on. */
  events: StoredEvent[] = [];
  #text = 0;

  add(event: StoredEvent): void {
    this.events.push(event);
    this.#text += sizeOf(event.event);
    while (this.events.length > mostEvents || (this.#text > mostText && this.events.length > 1)) {
      this.events = this.events.slice(Math.ceil(this.events.length / 2));
      this.#text = this.events.reduce((sum, { event: each }) => sum + sizeOf(each), 0);
    }
  }
}

/** About what an event takes to be kept, in characters: with its row in the journal. */
export function sizeOf(event: TurnEvent): number {
  return overhead + textOf(event);
}

const overhead = 100;

function textOf(event: TurnEvent): number {
  switch (event.type) {
    case 'text':
    case 'thought':
    case 'note':
      return event.text.length;
    case 'tool':
      return event.id.length + (event.title?.length ?? 0) + (event.output?.length ?? 0);
    case 'background':
    case 'other':
      return JSON.stringify(event.event)?.length ?? 0;
    case 'plan':
      return event.entries.reduce((sum, { content, status }) => sum + content.length + status.length, 0);
    case 'approval':
      return event.title.length;
  }
}

/** In characters. */
const longest = 4 * 1024 * 1024;

/** An answer that came whole, as it is kept. */
export function bounded(answer: string | undefined): string | undefined {
  if (answer === undefined || answer.length <= longest) return answer;
  return `${beginning(answer, longest)}\n[agentctl: cut here; the answer has ${answer.length} characters]`;
}

/** The text of an answer as it comes; of a longer one its beginning. All of it stands in the events of its message. */
export class Answer {
  #parts: string[] = [];
  #length = 0;

  /** Whether all of the next text may be cut away. */
  get full(): boolean {
    return this.#length >= longest;
  }

  add(text: string): void {
    const room = longest - this.#length;
    if (room > 0) this.#parts.push(beginning(text, room));
    this.#length += text.length;
  }

  clear(): void {
    this.#parts = [];
    this.#length = 0;
  }

  toString(): string {
    const cut = this.#length - longest;
    const note = cut > 0 ? `\n[agentctl: cut here; ${cut} more characters are in the message's events]` : '';
    return this.#parts.join('') + note;
  }
}
