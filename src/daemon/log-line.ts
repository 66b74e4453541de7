import { beginning } from '../api/cut.ts';
import { isObject } from '../api/schema.ts';

/** Bytes of a line of the log: whoever reads its end finds a whole line there. */
const longest = 64 * 1024;
/** Characters of a text in a line that is too long. */
const longestText = 4096;

/** A line of JSON, with texts that are cut where it would be too long. */
export function boundedLine(line: string): string {
  if (Buffer.byteLength(line) <= longest) return line;
  const entry = parse(line);
  if (entry === undefined) return `${line.slice(0, longestText)}...\n`;
  const whole = `${JSON.stringify(entry, (_, value: unknown) => (typeof value === 'string' ? cut(value) : value))}\n`;
  if (Buffer.byteLength(whole) <= longest) return whole;
  const { level, time, pid, msg } = entry;
  return `${JSON.stringify({ level, time, pid, msg: cut(String(msg ?? '')), cut: line.length })}\n`;
}

const cut = (text: string): string =>
  text.length <= longestText
    ? text
    : `${beginning(text, longestText)}... and ${text.length - longestText} characters more`;

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    return isObject(entry) ? entry : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // it is none of ours
    throw error;
  }
}
