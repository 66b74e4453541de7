import { AsIs, type Text } from './shown.ts';

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
export function paint(cell: string): Text {
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
