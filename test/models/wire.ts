import type { ServerResponse } from 'node:http';

/** What the scripted models share: a request as they understand it, an answer, and how one is streamed. */

export interface Tool {
  name: string;
  /** The namespace it is in. */
  within?: string;
  /** JSON Schema of what it takes; without, it takes free text. */
  takes?: Schema;
}

export interface Schema {
  properties?: Record<string, { type?: unknown }>;
  required?: string[];
}

/** A request for an answer, read from whichever protocol. */
export interface Request {
  model: string;
  system: string;
  /** What the user said, a text each turn. */
  said: string[];
  /** What the last tool answered, where that is what came last. */
  result?: string;
  tools: Tool[];
  /** Tools were searched for, and are among `tools` where there are such. */
  searched?: boolean;
  streamed: boolean;
  /** The provider is to be silent about what was used. */
  silent: boolean;
  /** An answer of this shape is wanted, and no text. */
  shape?: Schema;
}

export type Answer = { say: string[]; pause: number } | { call: string; input: unknown };

/** A protocol that models are spoken to by. */
export interface Wire {
  /** Undefined where the path and the body are no request for an answer. */
  read(path: string, body: Body): Request | undefined;
  /** The answer, whole. */
  whole(request: Request, answer: Answer, used: Usage): object;
  /** The answer as it is streamed: events, with words in between. */
  events(request: Request, answer: Answer, used: Usage): AsyncGenerator<Event>;
}

export interface Usage {
  input: number;
  output: number;
}

export interface Event {
  /** Its name, where the protocol has names for events. */
  event?: string;
  data: object | string;
}

export type Body = { readonly [field: string]: unknown };

/** A Body, or an empty one: what agents send is read as far as it goes. */
export const body = (value: unknown): Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};

export const list = (value: unknown): Body[] => (Array.isArray(value) ? value.map(body) : []);

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The text of content, which is a string or a list of blocks. */
export const textOf = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : list(content)
        .map((block) => text(block.text))
        .filter((found) => found !== '')
        .join('\n');

export const words = (said: string): string[] => said.match(/\S+\s*|\s+/g) ?? [];

/** The schema of a tool, of which only the fields' names and types matter here. */
export const schema = (value: unknown): Schema => {
  const { properties, required } = body(value);
  return {
    properties: Object.fromEntries(
      Object.entries(body(properties)).map(([name, field]) => [name, body(field)]),
    ),
    required: Array.isArray(required) ? required.map(text) : [],
  };
};

export async function stream(response: ServerResponse, events: AsyncGenerator<Event>): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for await (const { event, data } of events) {
    if (response.destroyed) return;
    const named = event === undefined ? '' : `event: ${event}\n`;
    response.write(`${named}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);
  }
  response.end();
}
