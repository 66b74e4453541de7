import type { Status } from '../api/errors.ts';
import type { Message } from '../api/objects.ts';
import { apiErrorOf, parseJson } from './http-errors.ts';
import type { StreamEntry } from './streams.ts';

/**
 * Reads server-sent events as our server writes them: `event` first, `data` last and in one line, so that the empty
 * line after it tells nothing more. Answers a reader of one line after the other; an event `error` is thrown.
 */
export function eventReader(): (line: string) => StreamEntry | undefined {
  let event = '';
  return (line) => {
    if (line.startsWith('event: ')) event = line.slice('event: '.length);
    if (!line.startsWith('data: ')) return undefined;
    const data = parseJson(line.slice('data: '.length), 'the controller');
    // What the server says of each event.
    switch (event) {
      case 'event':
      case 'state':
        return data as StreamEntry;
      case 'end':
        return { end: data as Message };
      case 'error':
        throw apiErrorOf(data as Status);
      default:
        return undefined; // of a newer server
    }
  };
}
