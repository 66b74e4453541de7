import { visibleLine } from '../../api/visible.ts';

const wide =
  /^(?:[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1b000}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\p{RGI_Emoji}$)/v;
const none = /^[\p{Mn}\p{Me}\p{Cf}\p{Default_Ignorable_Code_Point}]+$/v;
const segmenter = new Intl.Segmenter('en');

/** What a reader takes for one character: a letter with its marks, an emoji of several code points, a flag. */
const characters = (text: string): string[] => Array.from(segmenter.segment(text), ({ segment }) => segment);

/** Columns that a text takes on a terminal: 2 for East Asian wide characters and emoji (UAX #11), 0 for lone marks. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  return characters(text).reduce((sum, one) => sum + (none.test(one) ? 0 : wide.test(one) ? 2 : 1), 0);
}

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
