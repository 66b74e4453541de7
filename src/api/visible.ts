/**
 * What could steer a terminal, turn the direction of writing, end a line without a newline, or hide text: control
 * characters but for the ends of lines and tabs, halves of surrogate pairs, noncharacters, line and paragraph
 * separators, annotations, and what has no glyph (Default_Ignorable_Code_Point: bidirectional controls, tags, zero-width
 * characters, fillers). Joiners and the selectors of emoji stay where scripts need them: one behind a character that can
 * take it. In a row, or behind ASCII, they would only hide something.
 */
const unsafe =
  /[\p{Cc}--[\n\t\r]]|\r(?!\n)|[\p{Cs}\p{Noncharacter_Code_Point}\p{Zl}\p{Zp}\ufff9-\ufffb]|[\p{Default_Ignorable_Code_Point}--\p{Join_Control}--[\ufe0e\ufe0f]]|(?<=[\p{ASCII}\p{Join_Control}])\p{Join_Control}|(?<!^|\p{Emoji})[\ufe0e\ufe0f]/gv;

/** Most texts are plain, and the expression above takes a while to be compiled. */
const plain = /^[\n\t\x20-\x7e]*$/;

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

const hex = (code = 0, digits: number): string => code.toString(16).padStart(digits, '0');

/** `split` without a separator parts the halves of a surrogate pair. */
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
 * Text of others as a terminal may print it: what is unsafe is shown as JSON escapes it, as `\u001b`, so that JSON stays
 * the same value. Ends of lines and tabs stay.
 */
export const visible = (text: string): string => withEscapes(text, jsonEscape);

/** As `visible`, on one line: ends of lines and tabs are shown as `\n` and `\t`, too. */
export const visibleLine = (text: string): string => visible(text).replace(/[\n\r\t]/g, jsonEscape);

/** As `visible`, for YAML that has whatever is unsafe in double quotes, which stays the same value. */
export const visibleYaml = (text: string): string => withEscapes(text, yamlEscape);
