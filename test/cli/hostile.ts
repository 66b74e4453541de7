/** An API whose every answer tries to steer the terminal, for tests of what the command line prints of it. */
import { ApiError } from '../../src/api/errors.ts';
import type { Client } from '../../src/cli/cli.ts';

/** OSC 52 writes to the clipboard, CSI clears, C1, direction of writing, a line that is overwritten, hidden text. */
export const payload =
  '\u001b]52;c;cHduZWQ=\u0007\u001b[2J\u009b31m\u202eevil\u202c\rover\u2028\u200b\u{e0041}\ufeff\ud800';

/** Nothing of it is left in a text, once our own colours and cleared lines are taken out. */
export function stray(text: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const own = /\u001b\[(?:3[1-6]|9[2-6]|39|2|22)m|\r\u001b\[K|\r(?=\n)/g;
  const found = text
    .replace(own, '')
    .match(/[^\P{Cc}\n\t]|\p{Bidi_Control}|[\u2028\u2029\u200b\ufeff\u{e0000}-\u{e0fff}\ud800-\udfff]/gu);
  return [...new Set(found ?? [])].map((character) => JSON.stringify(character));
}

/** What the command line decides by, so that all of it is walked through: the rest is hostile. */
const keptKeys: ReadonlySet<string> = new Set([
  ...['apiVersion', 'kind', 'uid', 'agentUID', 'resourceVersion', 'continue', 'format', 'driver', 'protocol'],
  ...[
    'status',
    'state',
    'change',
    'update',
    'cause',
    'mode',
    'on',
    'strategy',
    'default',
    'fleetAccess',
    'action',
  ],
  ...['cron', 'timezone', 'unenforced', 'onInterrupted', 'stage', 'result', 'phase'],
]);
const keptTexts: ReadonlySet<string> = new Set([
  ...['text', 'thought', 'tool', 'plan', 'approval', 'note', 'background', 'other', 'failed'],
  ...['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'Ready', 'True', 'InSync', 'date'],
]);
const timeOrNumber = /^(\d{4}-\d\d-\d\dT.*|[\d.]+[a-z%]*)$/;
const maps: ReadonlySet<string> = new Set(['labels', 'annotations', 'data']);

export function poisoned(value: unknown, key = ''): unknown {
  if (typeof value === 'string') {
    if (keptKeys.has(key) || keptTexts.has(value) || timeOrNumber.test(value)) return value;
    return value + payload;
  }
  if (Array.isArray(value)) return value.map((item) => poisoned(item, key));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, inner]) => [name, poisoned(inner, name)] as const);
  return Object.fromEntries(maps.has(key) ? [...entries, [`key${payload}`, `value${payload}`]] : entries);
}

/** Back to what the server knows. */
function cleaned(value: unknown): unknown {
  if (typeof value === 'string')
    return value.replaceAll(payload, '').replaceAll(payload.replace(/[,=\\]/g, '\\$&'), '');
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) =>
      name.includes(payload) ? [] : [[name, cleaned(inner)]],
    ),
  );
}

const failing = (error: unknown): unknown =>
  error instanceof ApiError
    ? new ApiError(error.code, error.message + payload, {
        details: poisoned(error.details) as ApiError['details'],
      })
    : error;

async function* each(answers: AsyncIterable<unknown>): AsyncGenerator<unknown> {
  try {
    for await (const answer of answers) yield poisoned(answer);
  } catch (error) {
    throw failing(error);
  }
}

const isIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;

/** The same client, its answers and failures hostile. */
export function hostile(client: Client): Client {
  return new Proxy(client, {
    get(own, name) {
      const member: unknown = Reflect.get(own, name);
      if (name === 'tables') return hostile(member as Client); // its methods are all that is asked for
      if (typeof member !== 'function') return member;
      return (...given: unknown[]) => {
        const answer: unknown = member.apply(own, given.map(cleaned));
        if (isIterable(answer)) return each(answer);
        if (!(answer instanceof Promise)) return answer;
        return answer.then(poisoned, (error) => {
          throw failing(error);
        });
      };
    },
  });
}
