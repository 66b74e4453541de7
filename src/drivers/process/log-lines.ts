import type { LogLine } from '../driver.ts';
import type { Piece } from './collector/reader.ts';
import { recordsIn, type Stream, timeOf } from './collector/record.ts';
import { createLineSplitter } from './lines.ts';

/** Lines for people out of pieces of one run's log. */
export interface LogLines {
  push(piece: Piece): LogLine[];
  /** Unfinished lines, where there are any. */
  rest(): LogLine[];
}

const gapText = '[agentctl: output may have been lost here]';

export function createLogLines(): LogLines {
  const splitters = { stdout: createLineSplitter(), stderr: createLineSplitter() };
  let at = 0;

  const linesOf = (stream: Stream, texts: readonly string[]): LogLine[] =>
    texts.map((text) => ({ stream, at, text }));
  const restOf = (stream: Stream): LogLine[] => linesOf(stream, splitters[stream].rest());
  const rest = (): LogLine[] => [...restOf('stdout'), ...restOf('stderr')];
  const lost = (): LogLine[] => [...rest(), { stream: 'stdout', at, text: gapText }];

  return {
    push({ bytes, gap }) {
      const lines: LogLine[] = [];
      let isFirst = true;
      for (const record of recordsIn(bytes)) {
        const { stream, tag, from, to } = record;
        at = timeOf(bytes, record) || at;
        if (isFirst && gap) lines.push(...lost());
        isFirst = false;
        if (tag === 'G') lines.push(...lost());
        else {
          const text = bytes.subarray(from, tag === 'F' ? to + 1 : to);
          for (const line of splitters[stream].push(text)) lines.push({ stream, at, text: line });
        }
      }
      return lines;
    },
    rest,
  };
}
