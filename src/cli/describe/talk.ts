import type { AgentSpec } from '../../api/objects.ts';
import { protocolCapabilitiesOf } from '../../api/protocols.ts';
import { parseDuration } from '../../api/time.ts';
import type { AgentView } from '../../views/agent-view.ts';
import type { TalkDetails } from '../../views/conversation-view.ts';
import { ago, type Field, fields, joined, section } from './fields.ts';

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
