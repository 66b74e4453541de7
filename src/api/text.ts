import { closest, distance } from 'fastest-levenshtein';
import type { ObjectKey } from './objects.ts';

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

/** Lists names in a message: the first `most`, and how many more there are. */
export function listed(names: readonly string[], { most = 10, separator = ', ' } = {}): string {
  if (names.length <= most) return names.join(separator);
  return [...names.slice(0, most), `… and ${names.length - most} more`].join(separator);
}

/** Adds a full stop if the text has no end of a sentence, so that another sentence can follow. */
export const sentence = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`);

/** First words that are capitalized. Any other first word may be a name. */
const capitalized = /^(?:an?|it|its|no|nothing|only|run|some|the|there|these|they|this|what) /;

/** Returns an error text as a whole sentence, for a condition or an Event. */
export function asSentence(text: string): string {
  if (text.trim() === '') return '';
  const whole = sentence(text.trimEnd());
  return capitalized.test(whole) ? whole.charAt(0).toUpperCase() + whole.slice(1) : whole;
}

/** Returns the valid word nearest to a misspelled one; undefined if none is near. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  if (words.length === 0) return undefined;
  const lower = word.toLowerCase();
  const same = words.find((known) => known.toLowerCase() === lower);
  if (same !== undefined) return same;
  if (word.length > 100) return undefined; // no typing error, and the distance takes quadratic time
  const best = closest(word, [...words]);
  if (distance(word, best) <= Math.ceil(best.length / 3)) return best;
  const begins = (long: string, short: string): boolean => short.length >= 3 && long.startsWith(short);
  return words.find((known) => begins(known.toLowerCase(), lower) || begins(lower, known.toLowerCase()));
}

/**
 * Characters that could control a terminal, change the writing direction, end a line without a newline, or hide text:
 * - control characters except ends of lines and tabs
 * - halves of surrogate pairs, noncharacters, line and paragraph separators, annotations
 * - characters without a glyph (Default_Ignorable_Code_Point: bidirectional controls, tags, zero-width characters,
 *   fillers)
 * Joiners and the variation selectors of emoji are allowed where scripts need them: one of them, after a character that
 * can take it. Several in a row, or after ASCII, would only hide something.
 */
const unsafe =
  /[\p{Cc}--[\n\t\r]]|\r(?!\n)|[\p{Cs}\p{Noncharacter_Code_Point}\p{Zl}\p{Zp}\ufff9-\ufffb]|[\p{Default_Ignorable_Code_Point}--\p{Join_Control}--[\ufe0e\ufe0f]]|(?<=[\p{ASCII}\p{Join_Control}])\p{Join_Control}|(?<!^|\p{Emoji})[\ufe0e\ufe0f]/gv;

/** Most texts are plain, and compiling the expression above takes time. */
const plain = /^[\n\t\x20-\x7e]*$/;

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

const hex = (code = 0, digits: number): string => code.toString(16).padStart(digits, '0');

/** `split` without a separator separates the halves of a surrogate pair. */
const jsonEscape = (character: string): string =>
  short[character] ??
  character
    .split('')
    .map((half) => `\\u${hex(half.charCodeAt(0), 4)}`)
    .join('');

const yamlEscape = (character: string): string =>
  character.length === 1 ? jsonEscape(character) : `\\U${hex(character.codePointAt(0), 8)}`;

const withEscapes = (text: string, escaped: (character: string) => string): string =>
  plain.test(text) ? text : text.replace(unsafe, escaped);

/**
 * Returns a text from outside so that a terminal can print it. Unsafe characters are escaped as in JSON (`\u001b`), so
 * JSON keeps its value. Ends of lines and tabs stay.
 */
export const visible = (text: string): string => withEscapes(text, jsonEscape);

/** Like `visible`, on one line: ends of lines and tabs are also escaped, as `\n` and `\t`. */
export const visibleLine = (text: string): string => visible(text).replace(/[\n\r\t]/g, jsonEscape);

/** Like `visible`, for YAML. It keeps its value if all unsafe characters are in double quotes. */
export const visibleYaml = (text: string): string => withEscapes(text, yamlEscape);

/**
 * Returns the YAML list that a user who wrote a command line meant: `[sleep, "100"]` for `sleep 100`. A line that needs
 * a shell gets one: `[sh, -c, "echo a | wc"]`.
 */
export function asWords(line: string): string {
  const words = /[|&;<>()$`\\"'*?{}\n]/.test(line) ? ['sh', '-c', line] : line.trim().split(/\s+/);
  return `[${words.map((word) => (isPlain(word) ? word : JSON.stringify(word))).join(', ')}]`;
}

/** Returns what to do if a program is not found and its name looks like a whole command line; otherwise ''. */
export const oneWordHint = (program: string): string =>
  /\s/.test(program.trim()) && !program.includes('\n')
    ? `. It is a single word in the list: write ${asWords(program)}`
    : '';

/** Whether YAML reads the text as a string without quotes, also in a flow sequence. */
export const isPlain = (text: string): boolean =>
  /^[A-Za-z_/.-][\w/.@:=+-]*$/.test(text) &&
  /[A-Za-z]/.test(text) &&
  !/^(true|false|null|yes|no|on|off|[-+]?\.(inf|nan))$/i.test(text) &&
  !/:$|^-$|^---|^\.\.\./.test(text);

/** Quotes one word for a POSIX shell, with single quotes. */
export const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** Quotes one word for a POSIX shell only if it needs quotes. For people. */
export const shellWord = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : quote(word));

/**
 * Returns what an agent asks permission for, as one text. The request comes first, because it is what would run. The
 * title may be written by a model, and a model can be misled.
 */
export function askedText({ title, request }: { title: string; request?: string | undefined }): string {
  if (request === undefined) return title;
  return request.includes(title) || title.includes(request) ? request : `${request} ("${title}")`;
}

/** Returns a command to copy and paste: `agentctl resume web -n shop`. `words` end with the object's name. */
export function command(
  { metadata: { namespace = 'default' } }: { metadata: Partial<ObjectKey> },
  words: string,
  flags = '',
): string {
  const place = namespace === 'default' ? '' : ` -n ${namespace}`;
  return `agentctl ${words}${place}${flags === '' ? '' : ` ${flags}`}`;
}
