import type { StoredEvent } from '../../messages/journal.ts';
import type { TurnEvent } from '../../protocols/talk.ts';

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
