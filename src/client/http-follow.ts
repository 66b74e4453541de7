import { UnreachableError } from '../api/errors.ts';
import type { ObjectKey } from '../api/objects.ts';
import { type Clock, sleep } from '../platform/clock.ts';
import { eventReader } from './http-events.ts';
import { below } from './http-own-paths.ts';
import { withQuery } from './http-paths.ts';
import type { Transport } from './http-transport.ts';
import type { StreamEntry, StreamOptions } from './streams.ts';

/** The server says each 15 s that it is there: silent for so long it is not, whatever the connection looks like. */
const silence = 45_000;
/** How long a controller may be away: a restart takes a second. */
const patience = 30_000;
const pause = 250;

/**
 * What happens to a message, up to its end, over as many connections as that takes: where one breaks off, the next goes
 * on after the last event that was seen. UnreachableError where nothing is heard for 30 s, or from the start, or where
 * what has happened so far breaks off.
 */
export async function* followMessage(
  transport: Transport,
  clock: Clock,
  message: ObjectKey,
  { after = 0, follow = true, signal }: StreamOptions,
): AsyncGenerator<StreamEntry> {
  let seen = after;
  let begun = false;
  let lost: number | undefined;
  while (!signal.aborted) {
    let cause: UnreachableError | undefined;
    try {
      const path = withQuery(below('messages', message, 'stream'), {
        after: seen,
        ...(follow ? {} : { follow: 'false' }),
      });
      const onOpen = (): void => {
        begun = true;
      };
      const read = eventReader();
      for await (const line of transport.lines({ method: 'GET', path, accept, silence, onOpen, signal })) {
        const entry = read(line);
        if (entry !== undefined || line.startsWith(':')) lost = undefined;
        if (entry === undefined) continue;
        if ('seq' in entry) {
          if (entry.seq <= seen) continue;
          seen = entry.seq;
        }
        yield entry;
        if ('end' in entry) return;
      }
      if (!follow) return;
    } catch (error) {
      if (!begun || !follow || !(error instanceof UnreachableError)) throw error;
      cause = error;
    }
    lost ??= clock.now();
    if (clock.now() - lost >= patience) {
      throw new UnreachableError(
        `the stream was interrupted, and there was no answer for ${patience / 1000} s (${cause?.message ?? 'the server ends it immediately'}). The message is kept. See agentctl get message ${message.name}`,
        { cause },
      );
    }
    await sleep(clock, pause, signal);
  }
}

const accept = 'text/event-stream';
