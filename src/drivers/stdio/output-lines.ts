import { attachLimits, type OutputLine } from '../attachment.ts';

/**
 * Splits a stream of bytes into lines. The cursor of a line is the offset after it. Takes time in proportion to the
 * bytes, however small the pieces are, and buffers at most `attachLimits.line` of an incomplete line.
 */
interface LineCutter {
  /** The caller may reuse the buffer afterwards. */
  push(bytes: Buffer): OutputLine[];
  /** Returns the incomplete line, if there is one. */
  rest(): OutputLine[];
}

/** Buffer space that is reused for the next line. */
const smallSpace = 4096;

export function createLineCutter(offset: number): LineCutter {
  /** Where the current line began. */
  let start = offset;
  /** The length of the current line. Its first `held` bytes are in `space`. */
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

/** A longer line is split into pieces of this many bytes. */
export const maxLineBytes = 1024 * 1024;

/** Splits bytes into lines; an incomplete line waits for more bytes. */
interface LineSplitter {
  push(bytes: Buffer): string[];
  /** Returns the incomplete line, if there is one. */
  rest(): string[];
}

export function createLineSplitter(): LineSplitter {
  let held: Buffer[] = [];
  let heldBytes = 0;
  const take = (last: Buffer): string => {
    const line = held.length === 0 ? last : Buffer.concat([...held, last]);
    held = [];
    heldBytes = 0;
    return line.toString();
  };
  return {
    push(bytes) {
      const lines: string[] = [];
      let from = 0;
      while (from < bytes.length) {
        const newline = bytes.indexOf(10, from);
        const end = newline < 0 ? bytes.length : newline;
        const room = maxLineBytes - heldBytes;
        if (end - from > room) {
          const full = Buffer.concat([...held, bytes.subarray(from, from + room)]);
          const cut = full.length - unfinished(full);
          lines.push(full.toString('utf8', 0, cut));
          held = [full.subarray(cut)];
          heldBytes = full.length - cut;
          from += room;
        } else if (newline < 0) {
          held.push(Buffer.from(bytes.subarray(from)));
          heldBytes += bytes.length - from;
          from = bytes.length;
        } else {
          lines.push(take(bytes.subarray(from, newline)));
          from = newline + 1;
        }
      }
      return lines;
    },
    rest() {
      return heldBytes === 0 ? [] : [take(Buffer.alloc(0))];
    },
  };
}

/** Returns how many bytes at the end belong to an incomplete UTF-8 character. */
function unfinished(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? back : 0;
    }
  }
  return 0;
}
