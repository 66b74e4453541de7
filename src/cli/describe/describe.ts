import { isVirtual } from '../../api/kinds.ts';
import type { AnyObject, Event, Policy, Secret } from '../../api/objects.ts';
import { isObject } from '../../api/schema.ts';
import { visibleLine } from '../../api/visible.ts';
import { isBare, parseBareTargets } from '../bare.ts';
import type { Cli, Client } from '../cli.ts';
import { byTime, eventRow, isAbout, isSince } from '../events/rows.ts';
import { group, scopeOf, tellFailures } from '../get/ask.ts';
import { nothingFound } from '../get/tables.ts';
import { pasteable } from '../pasteable.ts';
import { localTimes } from '../print/when.ts';
import { type SelectOptions, select } from '../select.ts';
import { parseTargets } from '../targets.ts';
import { describeAgent } from './agent.ts';
import { describeApproval } from './approval.ts';
import { describeConversation } from './conversation.ts';
import { block, fields, metadataFields, section, tableSection } from './fields.ts';
import { describeInstance } from './instance.ts';
import { describeMessage } from './message.ts';
import { withKnownOrigin } from './origin.ts';
import { policyFields } from './policy-fields.ts';
import { describeRuntime } from './runtime.ts';
import { describeSync } from './sync.ts';
import { type Talks, talksOfAll, talksOfEach } from './talks.ts';

export interface DescribeOptions extends SelectOptions {
  showEvents: boolean;
}

export async function describe(words: readonly string[], options: DescribeOptions, cli: Cli): Promise<void> {
  if (!isBare(words)) parseTargets(words); // reports errors in the words without a controller
  const client = askingOnce(await cli.connect(options));
  const targets = await parseBareTargets(client, words, options, cli);
  const selected = await select(client, targets, { ...options, all: true }, cli);
  const failures: unknown[] = [];
  const texts: string[] = [];
  const isAll = targets.every(({ name }) => name === undefined) && !isSelective(options);
  const talks = isAll ? talksOfAll(client) : talksOfEach(client);
  const now = cli.clock.now();
  for (const { info, key, found } of selected) {
    try {
      const object = await withKnownOrigin(client, found ?? (await client.get(info.kind, key)));
      const body = await describeOne(client, object, { talks, now, cli });
      texts.push(body + (options.showEvents ? await eventsOf(client, object, now) : ''));
    } catch (error) {
      failures.push(error);
    }
  }
  cli.out(pasteable(localTimes(texts.join('\n\n')), cli));
  if (selected.length === 0) cli.err(nothingFound(group(targets), scopeOf(options, cli)));
  tellFailures(failures, cli);
}

const isSelective = ({ selector, fieldSelector }: DescribeOptions): boolean =>
  selector !== undefined || fieldSelector !== undefined;

function describeOne(
  client: Client,
  object: AnyObject,
  { talks, now, cli }: { talks: Talks; now: number; cli: Pick<Cli, 'clock' | 'signal'> },
): Promise<string> | string {
  switch (object.kind) {
    case 'Agent':
      return describeAgent(client, talks, object, now);
    case 'Instance':
      return describeInstance(client, object, now);
    case 'Runtime':
      return describeRuntime(object, now);
    case 'Policy':
      return describePolicy(client, object, now);
    case 'Secret':
      return describeSecret(object, now);
    case 'Message':
      return describeMessage(client, object, cli);
    case 'Conversation':
      return describeConversation(client, object, now);
    case 'Approval':
      return describeApproval(object, now);
    case 'Sync':
      return describeSync(client, object, now);
    case 'ConfigMap':
    case 'Event':
    case 'Namespace':
    case 'Revision':
      return describeGeneric(object, now);
  }
}

/** Combines equal events into the last one, with their total count. */
function folded(events: readonly Event[]): Event[] {
  const same = Map.groupBy(events, ({ type, reason, message, involvedObject: { kind, name } }) =>
    JSON.stringify([type, reason, kind, name, message]),
  );
  return [...same.values()]
    .map((all): Event => {
      const [first, last] = [all[0], all.at(-1)] as [Event, Event]; // a group has one or more
      if (all.length === 1) return last;
      const count = all.reduce((sum, event) => sum + (event.count ?? 1), 0);
      const firstTimestamp = first.firstTimestamp ?? first.metadata.creationTimestamp;
      return { ...last, count, firstTimestamp };
    })
    .sort(byTime);
}

async function eventsOf(client: Client, object: AnyObject, now: number): Promise<string> {
  if (object.kind === 'Event' || isVirtual(object.kind)) return '';
  const { namespace, name, creationTimestamp } = object.metadata;
  const { items } = await client.list('Event', { namespace });
  const about: Event[] = items
    .filter((event) => isAbout(event, object.kind, name) && isSince(event, creationTimestamp))
    .sort(byTime);
  if (about.length === 0) return section('Events', '  <none>\n');
  return tableSection(
    'Events',
    ['LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE'],
    folded(about).map((event) => eventRow(event, now, false)),
  );
}

/** Describes any object: its fields as an outline with readable names. */
function describeGeneric(object: AnyObject, now: number): string {
  const { apiVersion: _, kind: __, metadata: ___, ...rest } = object;
  return fields(metadataFields(object, now)) + outline(rest, '');
}

function outline(value: object, indent: string): string {
  return Object.entries(value)
    .filter(([, inner]) => inner !== undefined && inner !== null)
    .map(([key, inner]: [string, unknown]) => {
      const label = visibleLine(indent === '' ? key.charAt(0).toUpperCase() + key.slice(1) : key);
      if (Array.isArray(inner)) return `${indent}${label}:\n${list(inner, `${indent}  `)}`;
      if (isObject(inner)) return `${indent}${label}:\n${outline(inner, `${indent}  `)}`;
      const text = String(inner);
      if (!text.includes('\n')) return `${indent}${label}:  ${text}\n`;
      return `${indent}${label}:\n${block(text, `${indent}  `)}`;
    })
    .join('');
}

const list = (items: readonly unknown[], indent: string): string =>
  items
    .map((item) =>
      isObject(item)
        ? `${indent}-\n${outline(item, `${indent}  `)}`
        : `${indent}- ${visibleLine(String(item))}\n`,
    )
    .join('');

/** Caches lists and objects, because descriptions of many objects read the same ones. */
function askingOnce(client: Client): Client {
  const answers = new Map<string, unknown>();
  return new Proxy(client, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      if (name !== 'list' && name !== 'get') return member.bind(target);
      return (...words: unknown[]) => {
        const question = JSON.stringify([name, ...words]);
        if (!answers.has(question)) answers.set(question, Reflect.apply(member, target, words));
        return answers.get(question);
      };
    },
  });
}

async function describePolicy(client: Client, policy: Policy, now: number): Promise<string> {
  const { items } = await client.list('Agent', { namespace: policy.metadata.namespace });
  const users = items
    .filter(({ spec }) => spec.policyRef?.name === policy.metadata.name)
    .map(({ metadata }) => metadata.name);
  return [
    fields([
      ...metadataFields(policy, now),
      ['Used by', users.length === 0 ? '<none>' : users.sort().join(', ')],
    ]),
    section('Rules', fields(policyFields(policy.spec, { hasImage: true }), '  ')),
  ].join('');
}

/** Shows keys and sizes, never a value. */
function describeSecret(secret: Secret, now: number): string {
  const data = Object.entries(secret.data ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    fields([...metadataFields(secret, now), ['Type', secret.type]]),
    section(
      'Data',
      data.length === 0
        ? '  <none>\n'
        : fields(
            data.map(([key, value]) => [key, sizeText(Buffer.from(value, 'base64').length)] as const),
            '  ',
          ),
    ),
  ].join('');
}

const sizeText = (bytes: number): string => (bytes === 1 ? '1 byte' : `${bytes} bytes`);
