import { attachLimits, type OutputLine } from './driver.ts';

/**
 * Cuts a stream of bytes into lines whose cursor is the offset behind them. Takes time in proportion to the bytes, in
 * however small pieces they come, and holds at most `attachLimits.line` of an unfinished line.
 */
export interface LineCutter {
  /** The bytes may be written over afterwards. */
  push(bytes: Buffer): OutputLine[];
  /** The unfinished line, where there is one. */
  rest(): OutputLine[];
}

/** Space that is kept from line to line. */
const smallSpace = 4096;

export function createLineCutter(offset: number): LineCutter {
  /** Where the line that is being read began. */
  let start = offset;
  /** What is known of it, `length` bytes, of which the first `held` stand in `space`. */
  let length = 0;
  let held = 0;
  let space = Buffer.alloc(0);

  const hold = (bytes: Buffer): void => {
    length += bytes.length;
    const wanted = length > attachLimits.line ? attachLimits.cutTo : length;
    if (wanted > space.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(smallSpace, wanted, 2 * space.length));
      space.copy(larger, 0, 0, held);
      space = larger;
    } else if (length > attachLimits.line && space.length > smallSpace) {
      space = Buffer.from(space.subarray(0, attachLimits.cutTo));
    }
    if (wanted > held) bytes.copy(space, held, 0, wanted - held);
    held = wanted;
  };

  const take = (newline: 0 | 1): OutputLine => {
    const text = space.toString('utf8', 0, held);
    const cut = length > held ? { cut: length } : {};
    start += length + newline;
    length = held = 0;
    if (space.length > smallSpace) space = Buffer.alloc(0);
    return { text, ...cut, cursor: String(start) };
  };

  return {
    push(bytes) {
      const lines: OutputLine[] = [];
      let from = 0;
      for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
        if (length > 0 || end - from > attachLimits.line) {
          hold(bytes.subarray(from, end));
          lines.push(take(1));
        } else {
          start += end + 1 - from;
          lines.push({ text: bytes.toString('utf8', from, end), cursor: String(start) });
        }
        from = end + 1;
      }
      if (from < bytes.length) hold(bytes.subarray(from));
      return lines;
    },
    rest: () => (length === 0 ? [] : [take(0)]),
  };
}
