import { importsBetweenPackages, layers } from '../layers.ts';

const row = 34;
const left = 20;
const nameWidth = 104;
const textWidth = 300;
const top = 110;
const cell = 26;

/** The packages of src, top to bottom, as SVG: a dot where a package imports from another. All are right of the diagonal. */
export function generateLayers(): string {
  const names = [...layers.keys()];
  const edges = new Set(importsBetweenPackages().map(({ from, to }) => `${from} ${to}`));
  const matrix = left + nameWidth + textWidth + 20;
  const width = matrix + names.length * cell + 40;
  const height = top + names.length * row + 20;
  const lines = names.flatMap((name, at) => {
    const y = top + at * row;
    const x = matrix + at * cell + cell / 2;
    return [
      `<rect x="${left}" y="${y}" width="${nameWidth}" height="${row - 6}" rx="4" fill="#e8eef7" stroke="#5b7aa8"/>`,
      `<text x="${left + 10}" y="${y + 19}" font-weight="bold">${name}</text>`,
      `<text x="${left + nameWidth + 12}" y="${y + 19}" fill="#444">${layers.get(name) ?? ''}</text>`,
      `<line x1="${matrix}" y1="${y + row - 3}" x2="${width - 40}" y2="${y + row - 3}" stroke="#ddd"/>`,
      `<text transform="translate(${x + 4} ${top - 8}) rotate(-60)">${name}</text>`,
      ...names.flatMap((to, column) => {
        const center = `cx="${matrix + column * cell + cell / 2}" cy="${y + 14}"`;
        if (to === name) return [`<circle ${center} r="5" fill="none" stroke="#5b7aa8"/>`];
        return edges.has(`${name} ${to}`) ? [`<circle ${center} r="5" fill="#5b7aa8"/>`] : [];
      }),
    ];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13">
<title>The packages of src, top to bottom; a dot where the package of the row imports from that of the column</title>
<rect width="${width}" height="${height}" fill="white"/>
${lines.join('\n')}
</svg>
`;
}
