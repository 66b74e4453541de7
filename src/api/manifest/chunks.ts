/** From bytes to the texts of the documents. */

export interface Source {
  /** The name for messages: a file, a URL, or `<stdin>`. */
  name: string;
  bytes: Uint8Array;
}

/** The text of one document, and its position in the source. */
export interface Chunk {
  text: string;
  /** Offset of its first character in the source's text. */
  offset: number;
}

export type Fault = { offset: number; message: string };

/** Decodes the bytes. Returns what is wrong and where if they are not a text. */
export function decode(bytes: Uint8Array): { text: string; fault?: Fault } {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
    return { text: '', fault: { offset: 0, message: 'is in UTF-16: save it as UTF-8' } };
  const zero = bytes.indexOf(0);
  const text = lossy.decode(bytes);
  if (zero >= 0) {
    const offset = lossy.decode(bytes.subarray(0, zero)).length;
    return { text, fault: { offset, message: 'found a NUL byte: this is not a text file' } };
  }
  const broken = text.includes('\ufffd') ? firstBroken(bytes) : undefined;
  if (broken !== undefined) {
    const offset = lossy.decode(bytes.subarray(0, broken)).length;
    const byte = (bytes[broken] ?? 0).toString(16).padStart(2, '0');
    return {
      text,
      fault: { offset, message: `found the byte 0x${byte}, which is not UTF-8: save the file as UTF-8` },
    };
  }
  return { text };
}

const lossy = new TextDecoder();

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Returns the offset of the first byte that is not UTF-8. A binary search for the longest valid prefix. */
function firstBroken(bytes: Uint8Array): number | undefined {
  if (isUtf8(bytes)) return undefined;
  const right = (length: number): boolean => {
    for (let cut = length; cut >= Math.max(0, length - 3); cut--) {
      if (isUtf8(bytes.subarray(0, cut))) return true; // the end may be in the middle of a character
    }
    return false;
  };
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (right(middle)) low = middle;
    else high = middle - 1;
  }
  for (let cut = low; cut >= Math.max(0, low - 3); cut--) {
    if (isUtf8(bytes.subarray(0, cut))) return Math.min(cut, bytes.length - 1);
  }
  return 0;
}

/**
 * Returns the documents that have content. YAML documents are separated by `---` and `...`; JSON documents follow each
 * other.
 */
export function split(text: string): Chunk[] {
  const chunks = /^\s*\{/.test(text) ? splitJson(text) : splitYaml(text);
  return chunks.filter((chunk) => hasContent(chunk.text));
}

/** A line that starts with the marker ends a document, even inside a scalar (YAML 1.2.2, 9.1.2). */
function splitYaml(text: string): Chunk[] {
  const chunks: Chunk[] = [];
  let from = 0;
  for (const match of text.matchAll(/^(?:---|\.\.\.)(?=\s|$)/gm)) {
    if (match.index > from) chunks.push({ text: text.slice(from, match.index), offset: from });
    from = match[0] === '...' ? match.index + 3 : match.index;
  }
  return [...chunks, { text: text.slice(from), offset: from }];
}

function splitJson(text: string): Chunk[] {
  const chunks: Chunk[] = [];
  let depth = 0;
  let from = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\\n]|\\.)*"|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else continue;
    if (depth === 0) {
      chunks.push({ text: text.slice(from, index + 1), offset: from });
      from = index + 1;
    }
    if (depth < 0) break; // broken JSON: the rest is one chunk, and reported as such
  }
  const rest = { text: text.slice(from), offset: from };
  // YAML may follow the JSON, if it begins with `---`: `{...}` and then `---`.
  return /^\s*---(?=\s|$)/.test(rest.text)
    ? [...chunks, ...splitYaml(rest.text).map((chunk) => ({ ...chunk, offset: chunk.offset + from }))]
    : [...chunks, rest];
}

const hasContent = (text: string): boolean =>
  text
    .replace(/^---(?=\s|$)/, '')
    .split('\n')
    .some((line) => !/^\s*(#.*)?$/.test(line) && !line.startsWith('%'));

/** Returns a function that converts offsets to lines and columns. */
export function positions(text: string): (offset: number) => { line: number; column: number } {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}
