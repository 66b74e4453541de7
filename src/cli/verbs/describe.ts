import type { Command } from 'commander';
import { authorAnnotation } from '../../api/annotations.ts';
import { capabilitiesOf } from '../../api/capabilities.ts';
import { isObject } from '../../api/json.ts';
import type { AnyObject, Event, RuntimeSpec } from '../../api/objects.ts';
import { visibleLine } from '../../api/text.ts';
import type { PolicyView } from '../../views/agent-view.ts';
import {
  type Described,
  type RuntimeDetails,
  readDescribed,
  type SecretView,
} from '../../views/described.ts';
import { Lookup } from '../../views/lookup.ts';
import type { Cli } from '../cli.ts';
import { agentText } from '../describe/agent.ts';
import { approvalText, conversationText, messageText } from '../describe/conversation.ts';
import {
  ago,
  block,
  conditionsSection,
  fields,
  type Head,
  joined,
  metadataFields,
  section,
  tableSection,
} from '../describe/fields.ts';
import { instanceText } from '../describe/instance.ts';
import { policyFields } from '../describe/policy-fields.ts';
import { syncText } from '../describe/sync-text.ts';
import { examples, pasteable } from '../flags.ts';
import { group, nothingFound, printFailures, scopeOf } from '../get-tables.ts';
import { counted, localTimes } from '../print/shown.ts';
import { type SelectOptions, select } from '../select-objects.ts';
import { isBare, parseBareTargets, parseTargets } from '../targets.ts';
import { eventRow } from './events.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description('Show the details of objects: spec, current state, events and what happens next.')
    .argument('[kind...]', 'such as agent web, agent/web, or agents for all')
    .option('-l, --selector <labels>', 'select objects with these labels')
    .option('-A, --all-namespaces', 'in all namespaces')
    .option('--no-show-events', 'do not show events')
    .action((words: string[], options: DescribeOptions) => describe(words, options, cli));
  examples(
    command,
    ['Find out why an agent does not run', 'agentctl describe agent web'],
    ['All agents', 'agentctl describe agents'],
  );
}

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
  printFailures(failures, cli);
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

/** Describes any object: its fields as an outline with readable names. */
function objectText(object: AnyObject, head: Head, now: number): string {
  const { apiVersion: _, kind: __, metadata: ___, ...rest } = object;
  return fields(metadataFields(head, now)) + outline(rest, '');
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

function runtimeText(view: RuntimeDetails, head: Head, now: number): string {
  const { metadata, spec, breaker } = view;
  const limit = (count: number | undefined): string => (count === undefined ? 'no limit' : String(count));
  return [
    fields([
      ...metadataFields(head, now),
      ['Driver', joined([spec.driver, view.version])],
      ['Endpoint', spec.endpoint],
      ['Default', spec.default ? 'yes, for agents with an image and without a runtimeRef' : undefined],
      [
        'Running',
        `${view.running}, ${limit(spec.maxConcurrent)}${spec.maxConcurrent === undefined ? '' : ' at most'}`,
      ],
      [
        'Queued',
        `${view.queued}, ${limit(spec.queue.maxDepth)}${spec.queue.maxDepth === undefined ? '' : ' at most'}`,
      ],
      ['Starts at once', limit(spec.maxStarting)],
      [
        'Circuit breaker',
        joined([
          breaker.state,
          spec.circuitBreaker.failureThreshold === 0
            ? 'never opens'
            : `${breaker.failures} of ${spec.circuitBreaker.failureThreshold} failed starts in a row`,
          breaker.openedAt !== undefined &&
            breaker.state !== 'Closed' &&
            `opened ${ago(breaker.openedAt, now)}`,
          breaker.state !== 'Closed' && `agentctl resume runtime/${metadata.name} closes it`,
        ]),
      ],
      [
        'Namespaces',
        spec.allowedNamespaces === undefined ? 'all' : spec.allowedNamespaces.join(', ') || 'none',
      ],
      ['Host paths', spec.allowHostPaths.join(', ') || 'none'],
      ['Allowed', allowed(spec)],
    ]),
    conditionsSection(view.conditions, now),
  ].join('');
}

/** Returns `spec.allow` with one line for each field, without fields that its driver does not use. */
function allowed(spec: RuntimeSpec): string[] {
  const { allow } = spec;
  const { hostAccess } = capabilitiesOf(spec);
  const lists =
    hostAccess === 'Granted'
      ? ([
          ['capabilities', allow.capabilities],
          ['networks', allow.networks],
          ['volumes', allow.volumes],
          ['addresses for ports', allow.hostIPs],
        ] as const)
      : ([['users', allow.users]] as const);
  const lines = [
    allow.privileged ? 'privileged containers' : '',
    allow.hostNetwork ? 'the network of the host' : '',
    ...lists.map(([what, list]) => (list.length === 0 ? '' : `${what}: ${list.join(', ')}`)),
    hostAccess === 'Direct' ? controllerUser(allow) : '',
  ].filter((line) => line !== '');
  return lines.length === 0 ? ['nothing'] : lines;
}

function controllerUser({ controllerUser: allowed }: RuntimeSpec['allow']): string {
  const what = "the controller's own user";
  if (allowed === false) return `not ${what}`;
  return allowed ? what : `${what}, for agents without the annotation ${authorAnnotation}`;
}
