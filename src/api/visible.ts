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
