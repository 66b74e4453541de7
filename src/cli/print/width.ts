import stringWidth from 'string-width';
import { visibleLine } from '../../api/visible.ts';

const segmenter = new Intl.Segmenter('en');

/** What a reader takes for one character: a letter with its marks, an emoji of several code points, a flag. */
const characters = (text: string): string[] => Array.from(segmenter.segment(text), ({ segment }) => segment);

/** Columns that a text takes on a terminal. */
export const displayWidth = (text: string): number => stringWidth(text, { countAnsiEscapeCodes: true });

export const padEnd = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - displayWidth(text)));

/** As it is shown, on one line: what follows a line break is left out. */
export function oneLine(text: string): string {
  const [first = '', ...rest] = text.split(/\r?\n/);
  return visibleLine(rest.length === 0 ? first : `${first}...`);
}

/** As `oneLine`, in so many columns at most. */
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
