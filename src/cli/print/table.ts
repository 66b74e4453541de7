import { paint } from './color.ts';
import type { Text } from './shown.ts';
import { displayWidth, oneLine, padEnd } from './width.ts';

type Rows = readonly (readonly string[])[];

const gap = '   ';

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
}

/** As `table`, for what is looked at: with colours, and with the widths for its next part. */
export function tableWithWidths(
  rows: Rows,
  { color = false, widths: minimum = [] }: Look = {},
): { text: Text; widths: number[] } {
  const { lines, widths } = layOut(rows, minimum);
  const text = lines.map((cells): Text => {
    const painted = color ? cells.map(paint) : cells;
    return [painted.flatMap((cell, index) => (index === 0 ? [cell] : [gap, cell])), '\n'];
  });
  return { text, widths };
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
