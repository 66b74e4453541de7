const green = '\u001b[32m';
const yellow = '\u001b[33m';
const red = '\u001b[31m';
const reset = '\u001b[39m';

/** What a reader looks for in a table; whole cells only. */
const colors: ReadonlyMap<string, string> = new Map([
  ...['Ready', 'True', 'Completed', 'Active', 'Closed'].map((word) => [word, green] as const),
  ...[
    'Pending',
    'Starting',
    'Stopping',
    'Unready',
    'BackOff',
    'Unknown',
    'HalfOpen',
    'Terminating',
    'Warning',
  ].map((word) => [word, yellow] as const),
  ...['Failed', 'False', 'Open'].map((word) => [word, red] as const),
]);

/** Colours a padded cell by its word. */
export function paint(cell: string): string {
  const word = cell.trimEnd();
  const color = colors.get(word);
  return color === undefined ? cell : `${color}${word}${reset}${cell.slice(word.length)}`;
}

/** For what stands beside the matter itself. */
export const dim = (text: string, color: boolean): string => (color ? `\u001b[2m${text}\u001b[22m` : text);
