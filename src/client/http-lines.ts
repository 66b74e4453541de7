import type { Readable } from 'node:stream';

/** The lines of a stream, however its chunks cut lines and characters. An unfinished last line is dropped: it was cut off. */
export async function* linesOf(stream: Readable): AsyncGenerator<string> {
  stream.setEncoding('utf8');
  let rest = '';
  for await (const chunk of stream as AsyncIterable<string>) {
    let from = 0;
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', from)) {
      const line = rest + chunk.slice(from, end);
      rest = '';
      from = end + 1;
      if (line !== '') yield line;
    }
    rest += chunk.slice(from);
  }
}
