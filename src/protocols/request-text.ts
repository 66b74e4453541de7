import { beginning, shellWord } from '../api/text.ts';

/** Fields that come first, if an input has them: what is run, what is changed or read, what is fetched. */
const first = [
  /^(command|commands|cmd|script|code)$/i,
  /^(abs_?path|file_?path|filename|file|path|notebook_?path)$/i,
  /^(url|urls|uri|address)$/i,
];
/** Fields in which a model describes its call. */
const words = /^(description|explanation)$/i;

const most = { first: 800, more: 200 };

/**
 * Returns what a tool call would do according to its own input: the command, the path and the change, the address, and
 * all other fields. Undefined if the input says nothing.
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
