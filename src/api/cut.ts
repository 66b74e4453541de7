const characters = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** A character that people see may have any number of combining marks. One that is longer than this is cut in two. */
const longestCharacter = 64;

/** Returns the beginning of a text: at most `most` UTF-16 units, without a character that does not fit as a whole. */
export function beginning(text: string, most: number): string {
  if (text.length <= most) return text;
  const from = Math.max(0, most - longestCharacter);
  const around = characters.segment(text.slice(from, most + longestCharacter));
  const start = from + (around.containing(most - from)?.index ?? 0);
  if (start > from || from === 0) return text.slice(0, start);
  const last = text.charCodeAt(most - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? most - 1 : most);
}

/** Returns the beginning of a text of any length, with a mark if it was cut. */
export const cut = (text: string, most: number, mark = '…'): string =>
  text.length <= most ? text : `${beginning(text, most)}${mark}`;
