import { paint } from './color.ts';
import type { Text } from './shown.ts';
import { displayWidth, oneLine, padEnd } from './width.ts';

type Rows = readonly (readonly string[])[];

const gap = '   ';
const narrowGap = '  ';

/** Rows in columns, three spaces apart as kubectl prints them, without trailing spaces. Each line ends with a newline. */
export function table(rows: Rows, { indent = '' }: { indent?: string } = {}): string {
  return layOut(rows)
    .lines.map((cells) => (cells.length === 0 ? '\n' : `${indent}${cells.join(gap)}\n`))
    .join('');
}

export interface Look {
  /** Colours words that a reader looks for. */
  color?: boolean;
  /** Of an earlier part of the same table: they keep a watch aligned with what has been printed. */
  widths?: readonly number[];
  /** The width of the terminal. A table with a header that does not fit loses its empty columns, then some space. */
  room?: number | undefined;
}

/** As `table`, for what is looked at: with colours, and with the widths for its next part. */
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

/** Without those of which only the first row, the header, says anything. */
function withoutEmptyColumns(rows: Rows): Rows {
  const [, ...body] = rows;
  return rows.map((row) => row.filter((_, index) => body.some((cells) => (cells[index] ?? '') !== '')));
}

/** The cells of each line, padded but for the last one. A cell is one line, whatever its text has in it. */
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
