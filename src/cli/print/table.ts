import { displayWidth, oneLine, padEnd } from './width.ts';

/** Rows in columns, three spaces apart as kubectl prints them, without trailing spaces. Ends with a newline unless empty. */
export function table(rows: readonly (readonly string[])[], indent = ''): string {
  return tableWithWidths(rows, indent).text;
}

/** `widths` of an earlier part of the same table keep a watch aligned with what has been printed. */
export function tableWithWidths(
  rows: readonly (readonly string[])[],
  indent = '',
  minimum: readonly number[] = [],
): { text: string; widths: number[] } {
  const cells = rows.map((row) => row.map(oneLine));
  const widths: number[] = [...minimum];
  for (const row of cells) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, displayWidth(cell));
    }
  }
  const text = cells
    .map((row) =>
      `${indent}${row.map((cell, index) => padEnd(cell, widths[index] ?? 0)).join('   ')}`.trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
  return { text, widths };
}
