import type { Message } from '../../api/objects.ts';
import { humanDuration, parseTime } from '../../api/time.ts';
import type { Cli, Client } from '../cli.ts';
import { heardSoFar } from '../talk/heard.ts';
import { transcript } from '../talk/transcript.ts';
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

/** `took 12s`, from the last delivery. */
export function tookText(from: string | undefined, to: string | undefined): string | undefined {
  const [begin, end] = [from, to].map((time) => (time === undefined ? undefined : parseTime(time)));
  return begin === undefined || end === undefined ? undefined : `took ${humanDuration(end - begin)}`;
}
