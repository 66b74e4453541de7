/** A longer line is split into pieces of this many bytes. */
export const maxLineBytes = 1024 * 1024;

/** Splits bytes into lines; an incomplete line waits for more bytes. */
export interface LineSplitter {
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
