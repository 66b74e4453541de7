import type { LogEntry } from '../client/streams.ts';
import { createTranscript } from '../protocols/acp/transcript.ts';

/** The log of an agent of the protocol `acp`: what its lines say, and its standard error as it is. */
export async function* transcribed(lines: AsyncIterable<LogEntry>): AsyncGenerator<LogEntry> {
  const transcript = createTranscript();
  let last: LogEntry | undefined;
  for await (const line of lines) {
    if (line.stream !== 'stdout') {
      yield line;
      continue;
    }
    last = line;
    for (const text of transcript(line.text)) yield { ...line, text };
  }
  if (last !== undefined) for (const text of transcript.flush()) yield { ...last, text };
}
