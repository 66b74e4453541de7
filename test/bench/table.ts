import { type Measurement, median, type Row } from './measure.ts';

const heading = ['what', 'median', 'min-max', 'runs', 'reference', 'its min-max', 'ratio', 'aim', 'met'];

export function formatTable(rows: readonly Row[]): string {
  const cells = [heading, ...rows.map(cellsOf)];
  // One that was skipped has a sentence in place of its numbers.
  const widths = heading.map((_, column) =>
    Math.max(...cells.map((row) => (row.length === heading.length ? (row[column]?.length ?? 0) : 0))),
  );
  const lines = cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

function cellsOf(row: Row): string[] {
  if ('why' in row) return [row.name, `skipped: ${row.why}`];
  const { name, unit, samples, reference } = row;
  const value = median(samples);
  const beside = reference === undefined ? undefined : median(reference.samples);
  return [
    name,
    show(value, unit),
    spread(samples, unit),
    String(samples.length),
    reference === undefined || beside === undefined ? '' : `${reference.name}: ${show(beside, unit)}`,
    reference === undefined ? '' : spread(reference.samples, unit),
    beside === undefined ? '' : (value / beside).toFixed(2),
    aimText(row),
    verdict(row, value, beside),
  ];
}

function aimText({ aim, unit }: Measurement): string {
  if (aim === undefined) return '';
  if ('share' in aim) return `>= ${aim.share} times`;
  return `<= ${aim.times} times${aim.plus === undefined ? '' : ` + ${show(aim.plus, unit)}`}`;
}

function verdict({ aim }: Measurement, value: number, beside: number | undefined): string {
  if (aim === undefined) return '';
  const met = isMet(aim, value, beside);
  return met ? 'yes' : 'NO';
}

function isMet(aim: NonNullable<Measurement['aim']>, value: number, beside = Number.NaN): boolean {
  return 'share' in aim ? value >= aim.share * beside : value <= aim.times * beside + (aim.plus ?? 0);
}

const spread = (samples: readonly number[], unit: Measurement['unit']): string =>
  `${show(Math.min(...samples), unit)} - ${show(Math.max(...samples), unit)}`;

function show(value: number, unit: Measurement['unit']): string {
  if (unit === 'ms' && value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${unit}`;
}
