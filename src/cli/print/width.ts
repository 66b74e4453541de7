import { visibleLine } from '../../api/visible.ts';

const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{1fa70}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
const none = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** Columns that a text takes on a terminal: 2 for East Asian wide characters and emoji (UAX #11), 0 for combining marks. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += none.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return width;
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
  for (const character of line) {
    width += displayWidth(character);
    if (width > most) break;
    kept += character;
  }
  return `${kept}…`;
}
