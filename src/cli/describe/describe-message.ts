import { visibleLine } from '../../api/text.ts';
import { humanDuration } from '../../api/time.ts';
import type { MessageView, TurnPart } from '../../views/conversation-view.ts';
import { when } from '../print/when.ts';
import { partLine } from '../talk/part-line.ts';
import { ago, block, fields, joined, section } from './fields.ts';

export function messageText({ metadata, spec, status, took, turn }: MessageView, now: number): string {
  const told = transcript(turn);
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
      ['State', joined([status.state, status.reason ?? oddStop(status.stopReason)], ': ')],
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
      [
        'Ended',
        status.endedAt === undefined ? undefined : joined([ago(status.endedAt, now), tookText(took)]),
      ],
      [
        'Expires',
        status.endedAt !== undefined || spec.expiresAt === undefined ? undefined : ago(spec.expiresAt, now),
      ],
      ['Tokens', status.tokens],
      ['Cost', status.cost],
    ]),
    section('Text', block(spec.text)),
    told === '' ? '' : section('Turn', told),
    told === '' && status.answer !== undefined ? section('Answer', block(status.answer)) : '',
  ].join('');
}

const oddStop = (reason: string | undefined): string | undefined =>
  reason === 'end_turn' ? undefined : reason;

/** Returns `took 12s`. */
export const tookText = (took: number | undefined): string | undefined =>
  took === undefined ? undefined : `took ${humanDuration(took)}`;

/** Only events begin a line with a time. Text of the agent that looks like that is indented further. */
const asWords = (line: string): string => (/^\[\d\d:/.test(line) ? `  ${line}` : line);

/** Returns a readable transcript of a turn: the agent's text, and between it the events with their times. */
const transcript = (turn: readonly TurnPart[]): string =>
  turn
    .flatMap((part) => {
      if (part.part !== 'text') return [`[${when(part.at).slice(11, 19)}] ${visibleLine(partLine(part))}`];
      const text = part.text.trim();
      return text === '' ? [] : text.split('\n').map(asWords);
    })
    .map((line) => `${`  ${line}`.trimEnd()}\n`)
    .join('');
