import { isApiError } from '../../api/errors.ts';
import { keyOf, type Message } from '../../api/objects.ts';
import type { StreamEntry } from '../../client/streams.ts';
import type { Cli, Client } from '../cli.ts';

/** All events of a message so far. */
export async function heardSoFar(
  client: Client,
  message: Message,
  { signal }: Pick<Cli, 'signal'>,
): Promise<Extract<StreamEntry, { seq: number }>[]> {
  const entries: Extract<StreamEntry, { seq: number }>[] = [];
  try {
    for await (const entry of client.stream(keyOf(message), { follow: false, signal }))
      if ('seq' in entry) entries.push(entry);
  } catch (error) {
    // Its events may have been pruned between two questions.
    if (!isApiError(error, 'NotFound')) throw error;
  }
  return entries;
}
