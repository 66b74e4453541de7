import type { Command } from 'commander';
import { authorOf, changedByAnnotation, restartedAtAnnotation } from '../../api/annotations.ts';
import { deepEqual } from '../../api/json.ts';
import { kindInfo } from '../../api/kinds.ts';
import type { Agent, AgentSpec, Revision } from '../../api/objects.ts';
import { listed } from '../../api/text.ts';
import { humanDuration, parseTime } from '../../api/time.ts';
import { drift, driftText, inputChanges, revisionData } from '../../plan/revision.ts';
import { type Judge, type Reason, rolledOut } from '../../views/judges.ts';
import { fieldManager, patchEach, writeChange } from '../changing.ts';
import type { Cli, Client, GlobalOptions } from '../cli.ts';
import { CliError, exitCode, UsageError } from '../failure.ts';
import { choice, duration, examples, namespaceOf, wholeNumber } from '../flags.ts';
import { formatObjects, withoutManagedFields, yamlText } from '../print/output-format.ts';
import { when } from '../print/shown.ts';
import { table } from '../print/text-table.ts';
import { type SelectOptions, selectedOf } from '../select-objects.ts';
import { parseAgentTargets, requireKind } from '../targets.ts';
import { reasonText, reportWaits } from '../wait-report.ts';

export function define(command: Command, cli: Cli): void {
  command.description('Watch, restart and undo rollouts of agents.');
  command
    .command('status')
    .description('Wait until a rollout is complete. Exit codes are those of wait')
    .argument('<agent>', 'web or agent/web')
    .option('--timeout <duration>', 'time out after this long', duration('--timeout'))
    .option('-w, --watch', 'wait until the rollout is complete (default)', true)
    .option('--no-watch', 'only show the current status')
    .action((name: string, options: RolloutOptions) => status(name, options, cli));
  command
    .command('history')
    .description('List the revisions of an agent')
    .argument('<agent>', 'web or agent/web')
    .option('--revision <number>', 'show the spec of this revision', wholeNumber('--revision'))
    .addOption(choice('-o, --output <format>', 'the output format', ['json', 'yaml']))
    .action((name: string, options: HistoryOptions) => history(name, options, cli));
  command
    .command('restart')
    .description("Replace all instances by the policy's update strategy")
    .usage('[options] <agent...>')
    .argument('[agent...]', 'web or agent/web')
    .option('-l, --selector <labels>', 'select agents with these labels')
    .option('--all', 'select all agents in the namespace')
    .action((names: string[], options: RolloutOptions) => restart(names, options, cli));
  command
    .command('undo')
    .description('Go back to an earlier revision')
    .argument('<agent>', 'web or agent/web')
    .option(
      '--to-revision <number>',
      'the revision to go back to (default: the previous one)',
      wholeNumber('--to-revision'),
    )
    .addOption(
      choice('--dry-run [where]', 'check only, change nothing', ['none', 'server'])
        .preset('server')
        .default('none'),
    )
    .action((name: string, options: RolloutOptions) => undo(name, options, cli));
  examples(
    command,
    ['Wait until a rollout is complete', 'agentctl rollout status web'],
    ['Show an earlier revision', 'agentctl rollout history web --revision=3'],
    ['Go back to it', 'agentctl rollout undo web --to-revision=3'],
  );
}

interface RolloutOptions extends SelectOptions {
  timeout?: number;
  watch?: boolean;
  toRevision?: number;
  dryRun?: 'none' | 'server';
}

async function status(name: string, options: RolloutOptions, cli: Cli): Promise<void> {
  const client = await cli.connect(options);
  const agent = await agentOf(client, name, options, cli);
  const { namespace } = agent.metadata;
  if (options.watch === false) {
    const judgement = rolledOut(agent);
    if (typeof judgement === 'object' && 'never' in judgement)
      throw new CliError(reasonText(judgement.never), { exitCode: exitCode.unmet });
    return typeof judgement === 'object' && 'pending' in judgement
      ? cli.out(`${reasonText(judgement.pending)}\n`)
      : cli.out(`agent ${JSON.stringify(agent.metadata.name)} successfully rolled out\n`);
  }
  let last: Reason | undefined;
  const judge: Judge = (object) => {
    const judgement = rolledOut(object);
    const why = typeof judgement === 'object' && 'pending' in judgement ? judgement.pending : undefined;
    if (why !== undefined && !deepEqual(why, last)) cli.out(`Waiting: ${reasonText(why)}\n`);
    last = why;
    return judgement;
  };
  const selected = [selectedOf(kindInfo('Agent'), agent.metadata.name, namespace)];
  const timeout = options.timeout ?? Number.POSITIVE_INFINITY;
  cli.exitCode = await reportWaits(client, selected, judge, 'successfully rolled out', timeout, cli);
}

function restart(names: readonly string[], options: RolloutOptions, cli: Cli): Promise<void> {
  const annotations = { [restartedAtAnnotation]: new Date(cli.clock.now()).toISOString() };
  requireKind(names, options, 'rollout restart');
  return patchEach(parseAgentTargets(names, options), options, cli, 'restarted', () => ({
    metadata: { annotations },
  }));
}

async function undo(name: string, options: RolloutOptions, cli: Cli): Promise<void> {
  const dryRun = options.dryRun === 'server';
  const client = await cli.connect(options, { start: !dryRun });
  const agent = await agentOf(client, name, options, cli);
  const all = await revisionsOf(client, agent);
  const before = all.findLast(({ metadata }) => metadata.name !== agent.status?.updateRevision);
  const chosen = options.toRevision === undefined ? before : findRevision(all, options.toRevision, agent);
  if (chosen === undefined) throw new CliError(`agent ${agent.metadata.name} has no earlier revision`);
  // Restores everything that a Revision records, and removes fields that it did not have. Replicas and schedules are
  // not recorded, and stay.
  const recorded = Object.keys(revisionData(agent.spec));
  const kept = Object.entries(agent.spec).filter(([field]) => !recorded.includes(field));
  const after = { ...agent, spec: { ...chosen.data, ...Object.fromEntries(kept) } };
  const selected = selectedOf(kindInfo('Agent'), agent.metadata.name, agent.metadata.namespace);
  const { changed } = await writeChange(client, selected, { before: agent, after }, { fieldManager, dryRun });
  const suffix = dryRun ? ' (server dry run)' : changed ? '' : ' (no change)';
  cli.out(`${selected.text} rolled back to revision ${chosen.revision}${suffix}\n`);
}

interface HistoryOptions extends GlobalOptions {
  revision?: number;
  output?: 'json' | 'yaml';
}

async function history(name: string, options: HistoryOptions, cli: Cli): Promise<void> {
  const client = await cli.connect(options);
  const agent = await agentOf(client, name, options, cli);
  const all = await revisionsOf(client, agent);
  const wanted = options.revision;
  const revisions = wanted === undefined ? all : [findRevision(all, wanted, agent)];
  if (options.output !== undefined) {
    const objects = revisions.map((item) =>
      withoutManagedFields({ ...item, apiVersion: 'agentctl.dev/v1' as const, kind: 'Revision' as const }),
    );
    return cli.out(await formatObjects({ type: options.output }, objects, wanted !== undefined));
  }
  const [only] = revisions;
  if (wanted !== undefined && only !== undefined) {
    return cli.out(
      `agent.agentctl.dev/${agent.metadata.name} with revision #${wanted}\n${await yamlText(only.data)}`,
    );
  }
  if (revisions.length === 0) return cli.out(`agent ${agent.metadata.name} has no revisions yet\n`);
  const now = cli.clock.now();
  const rows = revisions.flatMap((item, index) => {
    const [first = '', ...more] = changes(revisions[index - 1], item);
    const { metadata, revision } = item;
    const cells = [
      String(revision),
      recorded(metadata.creationTimestamp, now),
      use(agent, metadata.name),
      by(item),
    ];
    return [[...cells, first], ...more.map((change) => ['', '', '', '', change])];
  });
  const header = ['REVISION', 'RECORDED', 'USE', 'CHANGED BY', 'CHANGES'];
  cli.out(`agent.agentctl.dev/${agent.metadata.name}\n${table([header, ...rows])}`);
}

/** Lists the changes from the first to the second. */
function changes(before: Revision | undefined, after: Revision): string[] {
  if (before === undefined) return ['-'];
  const spec = after.data as unknown as AgentSpec; // what a Revision leaves out is not compared
  return [...drift(spec, before).map(driftText), ...inputChanges(before, after.inputs ?? {})];
}

const by = (revision: Revision): string =>
  authorOf(revision) ?? revision.metadata.annotations?.[changedByAnnotation] ?? '-';

const recorded = (text: string, now: number): string => {
  const at = parseTime(text);
  return at === undefined ? text : `${when(at)} (${humanDuration(now - at)} ago)`;
};

function use({ status }: Agent, name: string): string {
  const uses = [
    ...(status?.updateRevision === name ? ['newest'] : []),
    ...(status?.currentRevision === name ? ['Ready last'] : []),
  ];
  return uses.join(', ');
}

async function agentOf(client: Client, name: string, options: GlobalOptions, cli: Cli): Promise<Agent> {
  const [target] = parseAgentTargets([name]);
  if (target?.name === undefined || target.info.kind !== 'Agent') {
    throw new UsageError(`found ${JSON.stringify(name)}, expected an agent: web or agent/web`);
  }
  return client.get('Agent', { namespace: namespaceOf(options, cli.environment), name: target.name });
}

/** Returns the revisions, oldest first. */
async function revisionsOf(client: Client, { metadata }: Agent): Promise<Revision[]> {
  const { items } = await client.list('Revision', { namespace: metadata.namespace });
  return items
    .filter((item) => (item.metadata.ownerReferences ?? []).some(({ uid }) => uid === metadata.uid))
    .sort((a, b) => a.revision - b.revision);
}

function findRevision(all: readonly Revision[], wanted: number, { metadata }: Agent): Revision {
  const found = all.find(({ revision }) => revision === wanted);
  if (found !== undefined) return found;
  const numbers = listed(all.map(({ revision }) => String(revision)));
  throw new CliError(
    `agent ${metadata.name} has no revision ${wanted}; it has ${numbers === '' ? 'none' : numbers}`,
  );
}
