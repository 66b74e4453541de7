import stringWidth from 'string-width';
import { visibleLine } from '../../api/text.ts';
import { AsIs, type Text } from './shown.ts';

type Rows = readonly (readonly string[])[];

const gap = '   ';
const narrowGap = '  ';

/**
 * Formats rows in columns, three spaces apart as in kubectl, without trailing spaces. Each line ends with a newline.
 */
export function table(rows: Rows, { indent = '' }: { indent?: string } = {}): string {
  return layOut(rows)
    .lines.map((cells) => (cells.length === 0 ? '\n' : `${indent}${cells.join(gap)}\n`))
    .join('');
}

interface Look {
  /** Colors important words. */
  color?: boolean;
  /** The widths of the previous part of the same table: they keep the output of a watch aligned. */
  widths?: readonly number[];
  /** The width of the terminal. A table with a header that is too wide loses its empty columns, then some space. */
  room?: number | undefined;
}

/** Like `table`, for terminals: with colors, and with the widths for the next part. */
export function tableWithWidths(
  rows: Rows,
  { color = false, widths: minimum = [], room = Number.POSITIVE_INFINITY }: Look = {},
): { text: Text; widths: number[] } {
  const whole = layOut(rows, minimum);
  const { lines, widths } = fits(whole, room) ? whole : layOut(withoutEmptyColumns(rows));
  const space = fits({ widths }, room) ? gap : narrowGap;
  const text = lines.map((cells): Text => {
    const painted = color ? cells.map(paint) : cells;
    return [painted.flatMap((cell, index) => (index === 0 ? [cell] : [space, cell])), '\n'];
  });
  return { text, widths };
}

const fits = ({ widths }: { widths: readonly number[] }, room: number): boolean =>
  widths.reduce((sum, width) => sum + width + gap.length, -gap.length) <= room;

/** Removes columns that are empty except for the first row, the header. */
function withoutEmptyColumns(rows: Rows): Rows {
  const [, ...body] = rows;
  return rows.map((row) => row.filter((_, index) => body.some((cells) => (cells[index] ?? '') !== '')));
}

/** Returns the cells of each line, padded except for the last one. A cell is one line, whatever its text contains. */
function layOut(rows: Rows, minimum: readonly number[] = []): { lines: string[][]; widths: number[] } {
  const cells = rows.map((row) => row.map(oneLine));
  const widths: number[] = [...minimum];
  for (const row of cells) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, displayWidth(cell));
    }
  }
  const lines = cells.map((row) => {
    const last = row.findLastIndex((cell) => cell.trimEnd() !== '');
    return row
      .slice(0, last + 1)
      .map((cell, index) => (index === last ? cell.trimEnd() : padEnd(cell, widths[index] ?? 0)));
  });
  return { lines, widths };
}

const green = new AsIs('\u001b[32m');
const yellow = new AsIs('\u001b[33m');
const red = new AsIs('\u001b[31m');
const reset = new AsIs('\u001b[39m');
const faint = new AsIs('\u001b[2m');
const notFaint = new AsIs('\u001b[22m');

/** Words in a table that get a color; whole cells only. */
const colors: ReadonlyMap<string, AsIs> = new Map([
  ...['Ready', 'True', 'Completed', 'Active', 'Closed'].map((word) => [word, green] as const),
  ...[
    'Pending',
    'Starting',
    'Stopping',
    'Updating',
    'Unready',
    'BackOff',
    'Unknown',
    'HalfOpen',
    'Terminating',
    'Warning',
  ].map((word) => [word, yellow] as const),
  ...['Failed', 'False', 'Open'].map((word) => [word, red] as const),
]);

/** Colors a padded cell by its word. */
function paint(cell: string): Text {
  const word = cell.trimEnd();
  const color = colors.get(word);
  return color === undefined ? cell : [color, word, reset, cell.slice(word.length)];
}

/** For secondary text. */
export const dim = (text: Text, color: boolean): Text => (color ? [faint, text, notFaint] : text);

const levelColors: ReadonlyMap<string, AsIs> = new Map([
  ['INFO', green],
  ['WARN', yellow],
  ['ERROR', red],
  ['FATAL', red],
]);

/** Colors the level of a log line. */
export function paintLevel(name: string, color: boolean): Text {
  const found = color ? levelColors.get(name) : undefined;
  return found === undefined ? name : [found, name, reset];
}

/** Returns to the start of the line and clears it. */
export const wipe = new AsIs('\r\u001b[K');

const segmenter = new Intl.Segmenter('en');

/**
 * Splits text into what a reader sees as characters: a letter with its marks, an emoji of several code points, a flag.
 */
const characters = (text: string): string[] => Array.from(segmenter.segment(text), ({ segment }) => segment);

/** Returns the number of terminal columns of a text. */
export const displayWidth = (text: string): number => stringWidth(text, { countAnsiEscapeCodes: true });

const padEnd = (text: string, width: number): string =>
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
