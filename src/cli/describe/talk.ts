import type { Agent, AgentSpec, Conversation, Message } from '../../api/objects.ts';
import { capabilitiesOf } from '../../api/protocols.ts';
import { parseDuration } from '../../api/time.ts';
import { nextDue } from '../../plan/due-times.ts';
import { isEnded } from '../talk/outcome.ts';
import { ago, type Field, fields, joined, section } from './fields.ts';
import type { Talks } from './talks.ts';

/** Returns the protocol of an agent and its conversations; empty for an agent without a protocol. */
export async function talkSection(talks: Talks, agent: Agent, now: number): Promise<string> {
  const { spec } = agent;
  if (spec.protocol === 'none') return '';
  const [messages, conversations] = await Promise.all([talks.messages(agent), talks.conversations(agent)]);
  return section(
    'Talk',
    fields(
      [
        ...specOfTalk(spec),
        ['Messages', countsText(messages)],
        ['Conversations', conversationsText(conversations, spec)],
        ['Schedule', scheduleLines(spec, now)],
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
    return capabilitiesOf({ protocol })?.asksPermission === true
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

function countsText(messages: readonly Message[]): string {
  const inState = (state: string): number =>
    messages.filter(({ status }) => (status?.state ?? 'Pending') === state).length;
  const open = messages.filter((message) => !isEnded(message)).length;
  const failed = inState('Failed') + inState('Expired');
  return joined([
    `${inState('Pending')} waiting`,
    `${open - inState('Pending')} in flight`,
    `${inState('Completed')} completed`,
    failed > 0 && `${failed} failed or expired`,
  ]);
}

function conversationsText(all: readonly Conversation[], { conversations }: AgentSpec): string {
  const open = all.filter(({ status }) => status?.state === 'Open').length;
  return joined([
    `${open} open`,
    `at most ${conversations.perInstance} per instance`,
    parseDuration(conversations.idleTTL) === 0
      ? 'never closed automatically'
      : `closed after ${conversations.idleTTL} idle`,
  ]);
}

const scheduleLines = ({ schedule = [] }: AgentSpec, now: number): string[] =>
  schedule.map(({ name, cron, every, timezone, suspend }) => {
    if (cron === undefined) return `${name}: every ${every}${suspend ? ', suspended' : ''}`;
    const due = nextDue(cron, timezone, now);
    const next = suspend
      ? 'suspended'
      : due === undefined
        ? 'never'
        : `next ${ago(new Date(due).toISOString(), now)}`;
    return `${name}: ${cron} (${timezone}), ${next}`;
  });
