import type { StreamEntry } from '../client/streams.ts';
import type { TurnEvent } from '../protocols/turn-events.ts';

type EventOf<T extends TurnEvent['type']> = Extract<TurnEvent, { type: T }>;

/** Something that an agent did in a turn, and people see. */
export type TurnPart = { at: number } & (
  | { part: 'text'; text: string }
  | { part: 'tool'; title: string; kind?: string | undefined }
  | { part: 'toolFailed'; title: string; kind?: string | undefined; output?: string | undefined }
  | { part: 'plan'; entries: EventOf<'plan'>['entries'] }
  | { part: 'approval'; request: EventOf<'approval'> }
  | { part: 'backgroundDone'; source: string }
  | { part: 'note'; text: string }
);

/** What an agent did in a turn so far. `take` adds an event. */
export class TurnView {
  /** In order. Text without another part in between is one part. */
  readonly parts: TurnPart[] = [];
  readonly #tools = new Map<string, { title: string; kind: string | undefined }>();

  static of(entries: Iterable<StreamEntry>): TurnView {
    const view = new TurnView();
    for (const entry of entries) if ('event' in entry) view.take(entry);
    return view;
  }

  /** Returns what is new; undefined if people see nothing of the event. */
  take({ at, event }: Extract<StreamEntry, { event: TurnEvent }>): TurnPart | undefined {
    const part = this.#partOf(event, at);
    const last = this.parts.at(-1);
    if (part?.part === 'text' && last?.part === 'text')
      this.parts.splice(-1, 1, { ...last, text: last.text + part.text });
    else if (part !== undefined) this.parts.push(part);
    return part;
  }

  #partOf(event: TurnEvent, at: number): TurnPart | undefined {
    switch (event.type) {
      case 'text':
        return { part: 'text', at, text: event.text };
      case 'tool':
        return this.#tool(event, at);
      case 'plan':
        return { part: 'plan', at, entries: event.entries };
      case 'approval':
        return { part: 'approval', at, request: event };
      case 'background':
        return event.done === true ? { part: 'backgroundDone', at, source: event.source } : undefined;
      case 'note':
        return { part: 'note', at, text: event.text };
      case 'thought':
      case 'other':
        return undefined;
    }
  }

  /** Some agents report only later what exactly they do. */
  #tool(event: EventOf<'tool'>, at: number): TurnPart | undefined {
    const known = this.#tools.get(event.id);
    const { title = known?.title ?? event.id, kind = known?.kind } = event;
    this.#tools.set(event.id, { title, kind });
    if (event.status === 'failed') return { part: 'toolFailed', at, title, kind, output: event.output };
    return known?.title === title ? undefined : { part: 'tool', at, title, kind };
  }
}
