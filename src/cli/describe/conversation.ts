import type { AgentSpec } from '../../api/objects.ts';
import { protocolCapabilitiesOf } from '../../api/protocols.ts';
import { visibleLine } from '../../api/text.ts';
import { humanDuration, parseDuration, parseTime } from '../../api/time.ts';
import type { AgentView } from '../../views/agent-view.ts';
import type {
  ApprovalView,
  ConversationView,
  MessageView,
  TalkDetails,
  TurnPart,
} from '../../views/conversation-view.ts';
import { partLine } from '../message-output.ts';
import { when } from '../print/shown.ts';
import { ago, block, type Field, fields, joined, section } from './fields.ts';

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

export function messageText({ metadata, spec, status, took, turn }: MessageView, now: number): string {
  const turnText = transcript(turn);
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
    turnText === '' ? '' : section('Turn', turnText),
    turnText === '' && status.answer !== undefined ? section('Answer', block(status.answer)) : '',
  ].join('');
}

const oddStop = (reason: string | undefined): string | undefined =>
  reason === 'end_turn' ? undefined : reason;

/** Returns `took 12s`. */
const tookText = (took: number | undefined): string | undefined =>
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

export function approvalText({ metadata, spec, status, options }: ApprovalView, now: number): string {
  const waits = status.state === 'Pending';
  return [
    fields([
      ['Name', metadata.name],
      ['Namespace', metadata.namespace],
      ['Agent', spec.agentRef.name],
      ['Instance', spec.instance],
      ['Message', spec.message],
      ['Conversation', spec.conversation],
      ['Asks for', spec.request],
      ['Title', spec.title === spec.request ? undefined : spec.title],
      ['Tool', spec.toolKind],
      ['State', status.state],
      ['By', status.by],
      ['Why', status.message],
      ['Answered', status.option],
      ['Asked', ago(metadata.creationTimestamp, now)],
      ['Decided', status.decidedAt === undefined ? undefined : ago(status.decidedAt, now)],
      [
        'Expires',
        !waits || spec.expiresAt === undefined ? undefined : `${ago(spec.expiresAt, now)}, then it is denied`,
      ],
      ['Decide', waits ? `agentctl approve ${metadata.name}, or agentctl deny ${metadata.name}` : undefined],
    ]),
    options.length === 0 ? '' : section('Options', block(options.map(optionText).join('\n'))),
    spec.input === undefined ? '' : section('Input', block(pretty(spec.input))),
  ].join('');
}

/** Marks the options that are taken by default. */
export const optionText = ({ id, name, kind, default: by }: ApprovalView['options'][number]): string =>
  `${id}: ${name} (${kind}${by === undefined ? '' : `, by agentctl ${by}`})`;

/** Formats JSON over several lines; returns other text unchanged. */
export function pretty(input: string): string {
  try {
    return JSON.stringify(JSON.parse(input), null, 2);
  } catch {
    return input; // an agent's text need not be JSON
  }
}

/** Returns the protocol of an agent and its conversations; empty for an agent without a protocol. */
export function talkSection({ spec, talk }: AgentView, now: number): string {
  if (talk === undefined) return '';
  return section(
    'Talk',
    fields(
      [
        ...specOfTalk(spec),
        ['Messages', countsText(talk)],
        ['Conversations', conversationsText(talk, spec)],
        ['Schedule', talk.schedule.map((prompt) => scheduleText(prompt, now))],
      ],
      '  ',
    ),
  );
}

function specOfTalk(spec: AgentSpec): Field[] {
  return [
    ['Protocol', spec.protocol],
    ['Model', spec.model],
    ['System prompt', firstLine(spec.systemPrompt)],
    ['First prompt', firstLine(spec.prompt)],
    ['Capabilities', joined(spec.capabilities ?? []) || undefined],
    ['Permissions', permissionsText(spec)],
    ['Other agents', fleet[spec.fleetAccess]],
  ];
}

const fleet: Readonly<Record<AgentSpec['fleetAccess'], string>> = {
  None: 'no access',
  Peers: 'can be listed and sent messages',
  Manage: 'can be listed, sent messages, applied, started, stopped and deleted',
};

function firstLine(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const [first = '', ...more] = text.trim().split('\n');
  return more.length === 0
    ? first
    : `${first} (and ${more.length} more ${more.length === 1 ? 'line' : 'lines'})`;
}

function permissionsText({ permissions: asked, protocol }: AgentSpec): string {
  if (asked === undefined)
    return protocolCapabilitiesOf({ protocol })?.asksPermission === true
      ? 'each request waits for approval'
      : 'none, as the protocol has no requests';
  const rules = (asked.rules ?? []).map(({ toolKind, action }) => `${toolKind} ${action}`);
  return joined([
    ...rules,
    `${rules.length === 0 ? 'all' : 'else'} ${asked.default}`,
    `denied after ${asked.timeout}`,
    asked.unenforced === 'Accept' && 'accepted unenforced',
  ]);
}

const countsText = ({ messages: { waiting, inFlight, completed, failed } }: TalkDetails): string =>
  joined([
    `${waiting} waiting`,
    `${inFlight} in flight`,
    `${completed} completed`,
    failed > 0 && `${failed} failed or expired`,
  ]);

const conversationsText = ({ openConversations: open }: TalkDetails, { conversations }: AgentSpec): string =>
  joined([
    `${open} open`,
    `at most ${conversations.perInstance} per instance`,
    parseDuration(conversations.idleTTL) === 0
      ? 'never closed automatically'
      : `closed after ${conversations.idleTTL} idle`,
  ]);

function scheduleText(
  { name, cron, every, timezone, suspend, nextAt }: TalkDetails['schedule'][number],
  now: number,
): string {
  if (cron === undefined) return `${name}: every ${every}${suspend ? ', suspended' : ''}`;
  const next = nextAt === undefined ? 'never' : `next ${ago(new Date(nextAt).toISOString(), now)}`;
  return `${name}: ${cron} (${timezone}), ${suspend ? 'suspended' : next}`;
}
