import { beginning } from '../api/cut.ts';
import type { StoredEvent } from '../messages/journal.ts';
import type { TurnEvent } from '../protocols/turn-events.ts';

/** Wakes the followers of a message. They read new events themselves, so a slow one costs nothing. */
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
  /** Resolves when something has changed since the last call, or when the signal aborts. */
  next(): Promise<void>;
  end(): void;
}

const mostEvents = 512;

/** Characters. */
const mostText = 2 * 1024 * 1024;

/** The newest events of a message, for streams that need not ask the journal. Its size is bounded. */
export class Tail {
  /** Grows at its end. A cut replaces the array, so that readers of the old one can continue. */
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

/** Returns the approximate size of a stored event in characters, including its row in the journal. */
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

/** Characters. */
const longest = 4 * 1024 * 1024;

/** Returns a complete answer, cut to the limit. */
export function bounded(answer: string | undefined): string | undefined {
  if (answer === undefined || answer.length <= longest) return answer;
  return `${beginning(answer, longest)}\n[agentctl: cut here; the answer has ${answer.length} characters]`;
}

/**
 * The text of an answer while it arrives. Only the beginning of a long answer is kept here; the events of the message
 * have all of it.
 */
export class Answer {
  #parts: string[] = [];
  #length = 0;

  /** Whether the limit is reached, so that the next text may be dropped. */
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
