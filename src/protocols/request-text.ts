import { beginning } from '../api/cut.ts';
import { shellWord } from '../api/shell.ts';

/** What stands first, where an input has it: what would run, what would be changed or read, what would be fetched. */
const first = [
  /^(command|commands|cmd|script|code)$/i,
  /^(abs_?path|file_?path|filename|file|path|notebook_?path)$/i,
  /^(url|urls|uri|address)$/i,
];
/** What a model says of its call. */
const words = /^(description|explanation)$/i;

const most = { first: 800, more: 200 };

/**
 * What a tool call would do, by its own input: the command, the path and the change, the address, and all else that the
 * tool would be given. Undefined where the input says nothing.
 */
export function requestText(input: unknown): string | undefined {
  if (input === undefined || input === null) return undefined;
  if (typeof input !== 'object' || Array.isArray(input))
    return told(valueText(input), most.first) || undefined;
  const all = Object.entries(input).filter(([key, value]) => !words.test(key) && !isNothing(value));
  const leading = first.flatMap((pattern) => all.filter(([key]) => pattern.test(key)));
  const others = all.filter((each) => !leading.includes(each));
  const [head] = leading;
  const rest = [...leading.slice(1), ...others].map(
    ([key, value]) => `${key}: ${told(valueText(value), most.more)}`,
  );
  if (head === undefined) return told(rest.join(', '), most.first) || undefined;
  const more = rest.length === 0 ? '' : ` (${told(rest.join(', '), most.first)})`;
  return `${told(valueText(head[1]), most.first)}${more}`;
}

const isNothing = (value: unknown): boolean => value === undefined || value === null || value === '';

function valueText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((one) => typeof one === 'string'))
    return value.map(shellWord).join(' ');
  return JSON.stringify(value);
}

function told(text: string, length: number): string {
  const kept = beginning(text, length);
  return kept === text ? text : `${kept}... (${text.length - kept.length} more characters)`;
}
