import { isApiError } from '../../api/errors.ts';
import { keyOf, type Message } from '../../api/objects.ts';
import { humanDuration, parseTime } from '../../api/time.ts';
import { visibleLine } from '../../api/visible.ts';
import type { StreamEntry } from '../../client/streams.ts';
import type { TurnEvent } from '../../protocols/talk.ts';
import type { Cli, Client } from '../cli.ts';
import { when } from '../print/when.ts';
import { teller } from '../talk/event-text.ts';
import { ago, block, fields, joined, section } from './fields.ts';

export async function describeMessage(
  client: Client,
  message: Message,
  cli: Pick<Cli, 'clock' | 'signal'>,
): Promise<string> {
  const { metadata, spec, status = {} } = message;
  const now = cli.clock.now();
  const heard = transcript(await heardSoFar(client, message, cli));
  return [
    fields([
      ['Name', metadata.name],
      ['Namespace', metadata.namespace],
      ['Agent', spec.agentRef.name],
      ['From', spec.from],
      ['Kind', spec.kind],
      ['Conversation', spec.conversation],
      ['Key', spec.key],
      ['Sent in turn of', spec.parent],
      ['Agents passed', spec.hops === undefined || spec.hops === 0 ? undefined : String(spec.hops)],
      ['State', joined([status.state ?? 'Pending', status.reason ?? oddStop(status.stopReason)], ': ')],
      ['Why', status.message],
      ['Attempts', String(status.attempts ?? 0)],
      [
        'Instance',
        status.instance === undefined
          ? undefined
          : joined([status.instance, status.run !== undefined && `run ${status.run}`]),
      ],
      ['Sent', ago(metadata.creationTimestamp, now)],
      ['Delivered', status.deliveredAt === undefined ? undefined : ago(status.deliveredAt, now)],
      ['Ended', endedText(status, now)],
      [
        'Expires',
        status.endedAt !== undefined || spec.expiresAt === undefined ? undefined : ago(spec.expiresAt, now),
      ],
      ['Tokens', status.tokens],
      ['Cost', status.cost],
    ]),
    section('Text', block(spec.text)),
    heard === '' ? '' : section('Turn', heard),
    heard === '' && status.answer !== undefined ? section('Answer', block(status.answer)) : '',
  ].join('');
}

const oddStop = (reason: string | undefined): string | undefined =>
  reason === 'end_turn' ? undefined : reason;

function endedText(
  { deliveredAt, endedAt }: NonNullable<Message['status']>,
  now: number,
): string | undefined {
  if (endedAt === undefined) return undefined;
  return joined([ago(endedAt, now), tookText(deliveredAt, endedAt)]);
}

/** Returns `took 12s`, from the last delivery. */
export function tookText(from: string | undefined, to: string | undefined): string | undefined {
  const [begin, end] = [from, to].map((time) => (time === undefined ? undefined : parseTime(time)));
  return begin === undefined || end === undefined ? undefined : `took ${humanDuration(end - begin)}`;
}

/** Returns all events of a message so far. */
async function heardSoFar(
  client: Client,
  message: Message,
  { signal }: Pick<Cli, 'signal'>,
): Promise<Extract<StreamEntry, { seq: number }>[]> {
  const entries: Extract<StreamEntry, { seq: number }>[] = [];
  try {
    for await (const entry of client.stream(keyOf(message), { follow: false, signal }))
      if ('seq' in entry) entries.push(entry);
  } catch (error) {
    // Its events may have been pruned since the previous request.
    if (!isApiError(error, 'NotFound')) throw error;
  }
  return entries;
}

type EventEntry = Extract<StreamEntry, { event: TurnEvent }>;

/** Only events begin a line with a time. Text of the agent that looks like that is indented further. */
const asWords = (line: string): string => (/^\[\d\d:/.test(line) ? `  ${line}` : line);

/** Returns a readable transcript of a turn: the agent's text, and between it the events with their times. */
function transcript(entries: readonly EventEntry[], indent = '  '): string {
  const say = teller();
  const lines: string[] = [];
  let words = '';
  const flush = (): void => {
    if (words.trim() !== '') lines.push(...words.trim().split('\n').map(asWords));
    words = '';
  };
  for (const { at, event } of entries) {
    const told = say(event);
    if (told === undefined) continue;
    if ('text' in told) words += told.text;
    else {
      flush();
      lines.push(`[${when(at).slice(11, 19)}] ${visibleLine(told.line)}`);
    }
  }
  flush();
  return lines.map((line) => `${indent}${line}`.trimEnd()).join('\n') + (lines.length === 0 ? '' : '\n');
}
