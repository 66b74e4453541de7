import type { Command } from 'commander';
import { askedText } from '../../api/approval-text.ts';
import { findKind, kindInfo } from '../../api/kinds.ts';
import type { Kind, ObjectKey } from '../../api/objects.ts';
import { visibleLine } from '../../api/visible.ts';
import type { Cli, Client } from '../cli.ts';
import { CliError, UsageError } from '../failure.ts';
import { tellFailures } from '../get/ask.ts';
import { type GlobalOptions, namespaceOf } from '../global-options.ts';
import { selectedOf } from '../select-objects.ts';
import { idKey } from '../talk/names.ts';
import { objectName, parseTargetsOf } from '../targets.ts';
import { approveRuntime, approveSync } from './held.ts';

type Decision = 'approve' | 'deny';

const listed = 'the ids of approvals, as in agentctl get approvals';

/** `approve` and `deny` are one verb with two decisions. */
export const defineDecision = (command: Command, cli: Cli, decision: Decision, done: string): Command =>
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
      cli.out(`${await decideOne(client, subject, cli, { decision, done, option: options.option })}\n`);
    } catch (error) {
      failures.push(error);
    }
  }
  tellFailures(failures, cli);
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
  kind: Kind;
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

async function decideOne(
  client: Client,
  { kind, key }: Subject,
  cli: Cli,
  { decision, done, option }: { decision: Decision; done: string; option: string | undefined },
): Promise<string> {
  const text = objectName(kindInfo(kind), key.name);
  if (kind === 'Sync' || kind === 'Runtime') {
    if (option !== undefined)
      throw new UsageError(`${text}: --option is for requests of agents, which have options`);
    if (decision === 'deny') throw new CliError(`${text}: ${howToRefuse[kind](key.name)}`);
    const what = kind === 'Sync' ? await approveSync(client, key) : await approveRuntime(client, key);
    return `${text} ${done}: ${what}`;
  }
  const { spec } = await client.decide(key, decision, { by: cli.user(), option });
  return visibleLine(`${text} ${done}: ${askedText(spec)}`);
}

const howToRefuse = {
  Sync: (name: string) =>
    `nothing is deleted until it is approved. To reject it, revert the commit in the source, or suspend the sync: agentctl suspend sync/${name}`,
  Runtime: (name: string) => `nothing is removed until it is approved. See agentctl describe runtime ${name}`,
} as const;
