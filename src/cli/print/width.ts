import stringWidth from 'string-width';
import { visibleLine } from '../../api/text.ts';

const segmenter = new Intl.Segmenter('en');

/**
 * Splits text into what a reader sees as characters: a letter with its marks, an emoji of several code points, a flag.
 */
const characters = (text: string): string[] => Array.from(segmenter.segment(text), ({ segment }) => segment);

/** Returns the number of terminal columns of a text. */
export const displayWidth = (text: string): number => stringWidth(text, { countAnsiEscapeCodes: true });

export const padEnd = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - displayWidth(text)));

/** Returns the displayed text, on one line: text after a line break is left out. */
export function oneLine(text: string): string {
  const [first = '', ...rest] = text.split(/\r?\n/);
  return visibleLine(rest.length === 0 ? first : `${first}...`);
}

/** Like `oneLine`, with at most this many columns. */
export function clipped(text: string, most: number): string {
  const line = oneLine(text);
  if (displayWidth(line) <= most) return line;
  let [kept, width] = ['', 1];
  for (const character of characters(line)) {
    width += displayWidth(character);
    if (width > most) break;
    kept += character;
  }
  return `${kept}…`;
}
