import { paint } from './color.ts';
import { displayWidth, oneLine, padEnd } from './width.ts';

export interface Layout {
  indent?: string;
  /** Colours words that a reader looks for. */
  color?: boolean;
  /** Of an earlier part of the same table: they keep a watch aligned with what has been printed. */
  widths?: readonly number[];
}

/** Rows in columns, three spaces apart as kubectl prints them, without trailing spaces. Each line ends with a newline. */
export function table(rows: readonly (readonly string[])[], layout: Layout = {}): string {
  return tableWithWidths(rows, layout).text;
}

export function tableWithWidths(
  rows: readonly (readonly string[])[],
  { indent = '', color = false, widths: minimum = [] }: Layout = {},
): { text: string; widths: number[] } {
  const cells = rows.map((row) => row.map(oneLine));
  const widths: number[] = [...minimum];
  for (const row of cells) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, displayWidth(cell));
    }
  }
  const line = (row: readonly string[]): string => {
    const padded = row.map((cell, index) => padEnd(cell, widths[index] ?? 0));
    return `${indent}${(color ? padded.map(paint) : padded).join('   ')}`.trimEnd();
  };
  return { text: cells.map((row) => `${line(row)}\n`).join(''), widths };
}
