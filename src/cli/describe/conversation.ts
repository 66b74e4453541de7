import type { Conversation, Message } from '../../api/objects.ts';
import { parseTime } from '../../api/time.ts';
import type { Client } from '../cli.ts';
import { when } from '../print/when.ts';
import { messagesOf } from '../talk/conversations.ts';
import { isEnded } from '../talk/outcome.ts';
import { ago, block, fields, joined, section } from './fields.ts';
import { tookText } from './message.ts';

export async function describeConversation(
  client: Client,
  { metadata, spec, status = {} }: Conversation,
  now: number,
): Promise<string> {
  const messages = await messagesOf(client, metadata.namespace, { 'spec.conversation': metadata.name });
  return [
    fields([
      ['Name', metadata.name],
      ['Namespace', metadata.namespace],
      ['Agent', spec.agentRef.name],
      ['State', joined([status.state ?? 'Open', status.reason], ': ')],
      ['Instance', status.instance ?? 'none yet'],
      ['Session', status.session],
      ['Created', ago(metadata.creationTimestamp, now)],
      ['Active', status.activeAt === undefined ? undefined : ago(status.activeAt, now)],
      ['Tokens', status.tokens ?? '?'],
      ['Cost', status.cost ?? '?'],
    ]),
    section('Dialogue', messages.length === 0 ? '  <none>\n' : messages.map(exchange).join('\n')),
  ].join('');
}

/** A message and its answer. */
function exchange({ metadata, spec, status = {} }: Message): string {
  const said = `  ${timeText(metadata.creationTimestamp)} ${spec.from} (${metadata.name}):\n${block(spec.text, '    ')}`;
  if (!isEnded({ status }))
    return `${said}  ${joined([status.state ?? 'Pending', status.instance && `with ${status.instance}`])}\n`;
  const by = status.instance ?? spec.agentRef.name;
  if (status.state !== 'Completed') {
    return `${said}  ${timeText(status.endedAt)} ${status.state}: ${joined([status.reason, status.message], ': ')}\n`;
  }
  const used = joined([
    tookText(status.deliveredAt, status.endedAt),
    `${status.tokens ?? '?'} tokens`,
    status.cost !== undefined && status.cost !== '?' && status.cost,
  ]);
  return `${said}  ${timeText(status.endedAt)} ${by} (${used}):\n${block(status.answer ?? '', '    ')}`;
}

const timeText = (time: string | undefined): string => {
  const at = time === undefined ? undefined : parseTime(time);
  return at === undefined ? '?' : when(at);
};
