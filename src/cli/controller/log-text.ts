import { isObject } from '../../api/schema.ts';
import { visibleLine } from '../../api/visible.ts';
import { dim, paintLevel } from '../print/color.ts';
import { AsIs, rawIf, type Text } from '../print/shown.ts';

const levels: ReadonlyMap<unknown, string> = new Map([
  [10, 'TRACE'],
  [20, 'DEBUG'],
  [30, 'INFO'],
  [40, 'WARN'],
  [50, 'ERROR'],
  [60, 'FATAL'],
]);

/** Fields that the line already shows, or that are not useful. */
const apart: ReadonlySet<string> = new Set(['level', 'time', 'msg', 'pid', 'hostname']);

/** Formats lines of the log for people: time, level, message, and fields as key=value. */
export function createLogText(options: { color: boolean; raw: boolean }): (line: string) => Text {
  const { color, raw } = options;
  let lastPid: unknown;
  const shown = (text: string): Text => (raw ? new AsIs(text) : visibleLine(text));
  return (line) => {
    const entry = parse(line);
    // Printed by Node itself or by a library.
    if (entry === undefined) return [rawIf(raw, line), '\n'];
    const { level, time, msg, pid } = entry;
    const fields = Object.entries(entry).filter(([key]) => !apart.has(key));
    if (pid !== lastPid) fields.push(['pid', pid]);
    lastPid = pid;
    const name = levels.get(level) ?? String(level);
    return [
      dim(timeText(time), color),
      ' ',
      paintLevel(name, color),
      ' '.repeat(Math.max(1, 6 - name.length)),
      shown(String(msg ?? '')),
      fields.map(([key, value]): Text => [' ', dim(shown(`${key}=`), color), shown(valueText(key, value))]),
      '\n',
    ];
  };
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const entry: unknown = JSON.parse(line);
    return isObject(entry) && 'level' in entry && 'time' in entry ? entry : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // the line is incomplete
    throw error;
  }
}

function timeText(time: unknown): string {
  const at = new Date(Number(time));
  return Number.isNaN(at.getTime()) ? String(time) : at.toISOString();
}

/** Shows only the message of an error; its stack is in `-o json`. */
function valueText(key: string, value: unknown): string {
  const text =
    key === 'err' && isObject(value) && typeof value.message === 'string'
      ? value.message
      : typeof value === 'string'
        ? value
        : JSON.stringify(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}
