const characters = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** A character as people see it may be longer, with no end of marks on it: then it is cut in two. */
const longestCharacter = 64;

/** The first characters of a text, at most so many UTF-16 units, and none of a character that does not fit in whole. */
export function beginning(text: string, most: number): string {
  if (text.length <= most) return text;
  const from = Math.max(0, most - longestCharacter);
  const around = characters.segment(text.slice(from, most + longestCharacter));
  const start = from + (around.containing(most - from)?.index ?? 0);
  if (start > from || from === 0) return text.slice(0, start);
  const last = text.charCodeAt(most - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? most - 1 : most);
}

/** The beginning of a text that may be of any length, with a mark where it is cut. */
export const cut = (text: string, most: number, mark = '…'): string =>
  text.length <= most ? text : `${beginning(text, most)}${mark}`;
