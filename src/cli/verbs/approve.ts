import type { Command } from 'commander';
import { collectAnnotation, revisionText, syncAnnotations } from '../../api/annotations.ts';
import { findKind, kindInfo } from '../../api/kinds.ts';
import type { ApprovalSpec, ObjectKey, SyncStatus } from '../../api/objects.ts';
import { askedText, visibleLine } from '../../api/text.ts';
import { fieldManager } from '../changing.ts';
import type { Cli, Client, GlobalOptions } from '../cli.ts';
import { CliError, UsageError } from '../failure.ts';
import { examples, namespaceOf } from '../flags.ts';
import { printFailures } from '../get-tables.ts';
import { deletesText } from '../print/shown.ts';
import { selectedOf } from '../select-objects.ts';
import { idKey, objectName, parseTargetsOf } from '../targets.ts';

export function define(command: Command, cli: Cli): void {
  defineDecision(
    command.description(
      'Approve a request: a tool that an agent wants to use, deletions by the next revision of a sync, or the removal of containers by a Runtime.',
    ),
    cli,
    'approve',
    'approved',
  );
  examples(
    command,
    [
      'List the requests that wait for a decision',
      'agentctl get approvals --field-selector status.state=Pending',
    ],
    ['Show one, then approve it', 'agentctl describe approval p-x7k2p\nagentctl approve p-x7k2p'],
    ['Answer with another of its options', 'agentctl approve p-x7k2p --option=always'],
    [
      'Show what a revision would delete, then approve it',
      'agentctl diff --sync fleet\nagentctl approve sync/fleet',
    ],
    ['Let a Runtime remove containers without an owner', 'agentctl approve runtime/docker'],
  );
}

export function defineDeny(command: Command, cli: Cli): void {
  defineDecision(
    command.description(
      "Deny a tool that an agent wants to use. The call fails, and the agent's turn continues.",
    ),
    cli,
    'deny',
    'denied',
  );
  examples(
    command,
    [
      'List the requests that wait for a decision',
      'agentctl get approvals --field-selector status.state=Pending',
    ],
    ['Deny it', 'agentctl deny p-x7k2p'],
  );
}

type Decision = 'approve' | 'deny';

const listed = 'the ids of approvals, as in agentctl get approvals';

/** `approve` and `deny` are one verb with two decisions. */
const defineDecision = (command: Command, cli: Cli, decision: Decision, done: string): Command =>
  command
    .argument('[id...]', `${listed}${decision === 'approve' ? '; sync/fleet, runtime/docker' : ''}`)
    .option(
      '--option <id>',
      'answer with this option of the request, by its id or name; agentctl describe approval shows the options',
    )
    .action((ids: string[], options: Options) => decide(ids, options, cli, decision, done));

interface Options extends GlobalOptions {
  option?: string;
}

async function decide(
  ids: readonly string[],
  options: Options,
  cli: Cli,
  decision: Decision,
  done: string,
): Promise<void> {
  const more = decision === 'approve' ? '; or sync/NAME, runtime/NAME' : '';
  if (ids.length === 0)
    throw new UsageError(`specify the id of an approval; agentctl get approvals lists them${more}`);
  const all = withKinds(ids).map((id) => subjectOf(id, options, cli));
  const client = await cli.connect(options, { start: true });
  const failures: unknown[] = [];
  for (const subject of all) {
    try {
      const decided = await decideOne(client, subject, cli, { decision, option: options.option });
      const text = objectName(kindInfo(subject.kind), subject.key.name);
      cli.out(`${text} ${done}: ${decidedText(decided)}\n`);
    } catch (error) {
      failures.push(error);
    }
  }
  printFailures(failures, cli);
}

/** Accepts `sync fleet` for `sync/fleet`, like other verbs. */
function withKinds(words: readonly string[]): readonly string[] {
  const [first = '', ...names] = words;
  const info = findKind(first);
  if (info === undefined) return words;
  if (names.length === 0)
    throw new UsageError(`${first} is a kind: add a name, such as ${info.singular}/NAME`);
  return names.map((name) => (name.includes('/') ? name : `${info.singular}/${name}`));
}

interface Subject {
  kind: 'Approval' | 'Sync' | 'Runtime';
  key: ObjectKey;
}

/** Returns the id of an Approval, or the kind and name of a Sync or Runtime. */
function subjectOf(word: string, options: GlobalOptions, cli: Cli): Subject {
  const [target] = word.includes('/') ? parseTargetsOf('Approval', [word]) : [];
  if (target?.name === undefined || (target.info.kind !== 'Sync' && target.info.kind !== 'Runtime'))
    return { kind: 'Approval', key: idKey(word, 'Approval', options, cli) };
  return {
    kind: target.info.kind,
    key: selectedOf(target.info, target.name, namespaceOf(options, cli.environment)).key,
  };
}

/** What was decided. */
type Decided = { pending: PendingApproval } | { orphans: true } | { spec: ApprovalSpec };

type PendingApproval = NonNullable<SyncStatus['pendingApproval']>;

async function decideOne(
  client: Client,
  { kind, key }: Subject,
  cli: Cli,
  { decision, option }: { decision: Decision; option: string | undefined },
): Promise<Decided> {
  if (kind === 'Approval')
    return { spec: (await client.decide(key, decision, { by: cli.user(), option })).spec };
  const text = objectName(kindInfo(kind), key.name);
  if (option !== undefined)
    throw new UsageError(`${text}: --option is for requests of agents, which have options`);
  if (decision === 'deny') throw new CliError(`${text}: ${howToRefuse[kind](key.name)}`);
  return kind === 'Sync'
    ? { pending: await approveSync(client, key) }
    : { orphans: await approveRuntime(client, key) };
}

function decidedText(decided: Decided): string {
  if ('spec' in decided) return visibleLine(askedText(decided.spec));
  if ('orphans' in decided) return 'containers without an Instance are removed';
  const { revision, deletes, objects = [] } = decided.pending;
  const more = deletes - objects.length;
  const names = [...objects, ...(more > 0 && objects.length > 0 ? [`${more} more`] : [])].join(', ');
  return `${revisionText(revision)} may delete ${deletesText(decided.pending)}${names === '' ? '' : `: ${names}`}`;
}

/** Approves the deletions of the pending revision. */
async function approveSync(client: Client, key: ObjectKey): Promise<PendingApproval> {
  const { status } = await client.get('Sync', key);
  const pending = status?.pendingApproval;
  if (pending === undefined)
    throw new CliError(`sync.agentctl.dev/${key.name}: no revision waits for approval`);
  await annotate(client, 'Sync', key, { [syncAnnotations.approved]: pending.revision });
  return pending;
}

/** Lets a Runtime remove orphans, which belong to no Instance any more. */
async function approveRuntime(client: Client, key: ObjectKey): Promise<true> {
  const { status } = await client.get('Runtime', key);
  const held = status?.conditions?.find(({ type }) => type === 'OrphansHeld');
  if (held?.status !== 'True')
    throw new CliError(`runtime.agentctl.dev/${key.name}: nothing waits for approval`);
  await annotate(client, 'Runtime', key, { [collectAnnotation]: 'true' });
  return true;
}

const annotate = (
  client: Client,
  kind: 'Sync' | 'Runtime',
  key: ObjectKey,
  annotations: Record<string, string>,
): Promise<unknown> =>
  client.patch(kind, key, { type: 'merge', body: { metadata: { annotations } } }, { fieldManager });

const howToRefuse = {
  Sync: (name: string) =>
    `nothing is deleted until it is approved. To reject it, revert the commit in the source, or suspend the sync: agentctl suspend sync/${name}`,
  Runtime: (name: string) => `nothing is removed until it is approved. See agentctl describe runtime ${name}`,
} as const;
