import { isApiError } from '../../api/errors.ts';
import { keyOf, type Message } from '../../api/objects.ts';
import type { StreamEntry } from '../../client/streams.ts';
import type { Cancel } from '../../platform/clock.ts';
import type { Cli, Client } from '../cli.ts';
import { isEnded } from './outcome.ts';

/** Of a message that goes on, all has come once nothing came for so long. */
const silenceMs = 300;

const stay: Cancel = () => undefined;

/** All events of a message so far. */
export async function heardSoFar(
  client: Client,
  message: Message,
  { clock }: Pick<Cli, 'clock'>,
): Promise<Extract<StreamEntry, { seq: number }>[]> {
  const over = new AbortController();
  const entries: Extract<StreamEntry, { seq: number }>[] = [];
  const stop = (): void => over.abort();
  const ended = isEnded(message);
  let cancel = ended ? stay : clock.after(silenceMs, stop);
  try {
    for await (const entry of client.stream(keyOf(message), { signal: over.signal })) {
      cancel();
      if ('end' in entry) break;
      if ('seq' in entry) entries.push(entry);
      if (!ended) cancel = clock.after(silenceMs, stop);
    }
  } catch (error) {
    // Its events may have been pruned between two questions.
    if (!over.signal.aborted && !isApiError(error, 'NotFound')) throw error;
  } finally {
    cancel();
    over.abort();
  }
  return entries;
}
