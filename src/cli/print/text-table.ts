import { paint } from './color.ts';
import type { Text } from './shown.ts';
import { displayWidth, oneLine, padEnd } from './width.ts';

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

export interface Look {
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
