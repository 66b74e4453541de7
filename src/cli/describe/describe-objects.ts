import type { Event } from '../../api/objects.ts';
import type { PolicyView } from '../../views/agent-view.ts';
import { type Described, readDescribed, type SecretView } from '../../views/described.ts';
import { Lookup } from '../../views/lookup.ts';
import { isBare, parseBareTargets } from '../bare.ts';
import type { Cli } from '../cli.ts';
import { counted } from '../counted.ts';
import { eventRow } from '../events/rows.ts';
import { group, scopeOf, tellFailures } from '../get/ask.ts';
import { nothingFound } from '../get/tables.ts';
import { pasteable } from '../pasteable.ts';
import { localTimes } from '../print/when.ts';
import { type SelectOptions, select } from '../select-objects.ts';
import { parseTargets } from '../targets.ts';
import { agentText } from './agent.ts';
import { approvalText } from './approval.ts';
import { conversationText } from './conversation.ts';
import { messageText } from './describe-message.ts';
import { syncText } from './describe-sync.ts';
import { fields, type Head, metadataFields, section, tableSection } from './fields.ts';
import { instanceText } from './instance.ts';
import { objectText } from './outline.ts';
import { policyFields } from './policy-fields.ts';
import { runtimeText } from './runtime.ts';

export interface DescribeOptions extends SelectOptions {
  showEvents: boolean;
}

export async function describe(words: readonly string[], options: DescribeOptions, cli: Cli): Promise<void> {
  if (!isBare(words)) parseTargets(words); // reports errors in the words without a controller
  const client = await cli.connect(options);
  const targets = await parseBareTargets(client, words, options, cli);
  const ofAll = targets.every(({ name }) => name === undefined) && !isSelective(options);
  const lookup = new Lookup(client, { ofAll });
  const selected = await select(lookup, targets, { ...options, all: true }, cli);
  const failures: unknown[] = [];
  const found: Described[] = [];
  const reading = { now: cli.clock.now(), signal: cli.signal, withEvents: options.showEvents };
  for (const { info, key, found: object } of selected) {
    try {
      found.push(await readDescribed(lookup, object ?? (await lookup.get(info.kind, key)), reading));
    } catch (error) {
      failures.push(error);
    }
  }
  const texts = found.map((each) => describedText(each, reading.now));
  cli.out(pasteable(localTimes(texts.join('\n\n')), cli));
  if (selected.length === 0) cli.err(nothingFound(group(targets), scopeOf(options, cli)));
  tellFailures(failures, cli);
}

const isSelective = ({ selector, fieldSelector }: DescribeOptions): boolean =>
  selector !== undefined || fieldSelector !== undefined;

function describedText({ view, origin, events }: Described, now: number): string {
  const text = viewText(view, { metadata: view.metadata, origin }, now);
  return events === undefined ? text : text + eventsText(events, now);
}

function viewText(view: Described['view'], head: Head, now: number): string {
  switch (view.kind) {
    case 'Agent':
      return agentText(view, head, now);
    case 'Instance':
      return instanceText(view, head, now);
    case 'Runtime':
      return runtimeText(view, head, now);
    case 'Policy':
      return policyText(view, head, now);
    case 'Secret':
      return secretText(view, head, now);
    case 'Message':
      return messageText(view, now);
    case 'Conversation':
      return conversationText(view, now);
    case 'Approval':
      return approvalText(view, now);
    case 'Sync':
      return syncText(view, head, now);
    case 'ConfigMap':
    case 'Event':
    case 'Namespace':
    case 'Revision':
      return objectText(view, head, now);
  }
}

const eventsText = (events: readonly Event[], now: number): string =>
  events.length === 0
    ? section('Events', '  <none>\n')
    : tableSection(
        'Events',
        ['LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE'],
        events.map((event) => eventRow(event, now, false)),
      );

const policyText = ({ usedBy, rules }: PolicyView, head: Head, now: number): string =>
  [
    fields([...metadataFields(head, now), ['Used by', usedBy.length === 0 ? '<none>' : usedBy.join(', ')]]),
    section('Rules', fields(policyFields(rules, { hasImage: true }), '  ')),
  ].join('');

const secretText = ({ type, data }: SecretView, head: Head, now: number): string =>
  [
    fields([...metadataFields(head, now), ['Type', type]]),
    section(
      'Data',
      data.length === 0
        ? '  <none>\n'
        : fields(
            data.map(({ key, bytes }) => [key, counted(bytes, 'byte')] as const),
            '  ',
          ),
    ),
  ].join('');
