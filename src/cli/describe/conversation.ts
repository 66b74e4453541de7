import { parseTime } from '../../api/time.ts';
import type { ConversationView, MessageView } from '../../views/conversation-view.ts';
import { when } from '../print/when.ts';
import { tookText } from './describe-message.ts';
import { ago, block, fields, joined, section } from './fields.ts';

export function conversationText(
  { metadata, agent, status, dialogue }: ConversationView,
  now: number,
): string {
  return [
    fields([
      ['Name', metadata.name],
      ['Namespace', metadata.namespace],
      ['Agent', agent],
      ['State', joined([status.state ?? 'Open', status.reason], ': ')],
      ['Instance', status.instance ?? 'none yet'],
      ['Session', status.session],
      ['Created', ago(metadata.creationTimestamp, now)],
      ['Active', status.activeAt === undefined ? undefined : ago(status.activeAt, now)],
      ['Tokens', status.tokens ?? '?'],
      ['Cost', status.cost ?? '?'],
    ]),
    section('Dialogue', dialogue.length === 0 ? '  <none>\n' : dialogue.map(exchange).join('\n')),
  ].join('');
}

/** A message and its answer. */
function exchange({ metadata, spec, status, isEnded, took }: MessageView): string {
  const said = `  ${timeText(metadata.creationTimestamp)} ${spec.from} (${metadata.name}):\n${block(spec.text, '    ')}`;
  if (!isEnded) return `${said}  ${joined([status.state, status.instance && `with ${status.instance}`])}\n`;
  const by = status.instance ?? spec.agentRef.name;
  if (status.state !== 'Completed') {
    return `${said}  ${timeText(status.endedAt)} ${status.state}: ${joined([status.reason, status.message], ': ')}\n`;
  }
  const used = joined([
    tookText(took),
    `${status.tokens ?? '?'} tokens`,
    status.cost !== undefined && status.cost !== '?' && status.cost,
  ]);
  return `${said}  ${timeText(status.endedAt)} ${by} (${used}):\n${block(status.answer ?? '', '    ')}`;
}

const timeText = (time: string | undefined): string => {
  const at = time === undefined ? undefined : parseTime(time);
  return at === undefined ? '?' : when(at);
};
