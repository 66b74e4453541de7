import type { Command } from 'commander';
import { syncAnnotations } from '../../api/annotations.ts';
import { deepEqual } from '../../api/equal.ts';
import type { AnyObject, Condition, Sync, SyncStatus } from '../../api/objects.ts';
import { revisionText, takingOver } from '../../api/sync-names.ts';
import { formatTimeMs } from '../../api/time.ts';
import { parallel } from '../../client/parallel.ts';
import { conditionOf } from '../../views/sync-view.ts';
import type { Cli, Client } from '../cli.ts';
import { counted } from '../counted.ts';
import { examples } from '../examples.ts';
import { CliError, exitCode, UsageError } from '../failure.ts';
import { tellFailures } from '../get/ask.ts';
import { durationOption } from '../global-options.ts';
import { fieldManager } from '../patching.ts';
import { type Selected, type SelectOptions, select } from '../select-objects.ts';
import { parseTargetsOf, type Target } from '../targets.ts';
import { report, waitEach } from '../wait/report.ts';
import type { Judge } from '../wait/until.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Sync now: read the source, apply its manifests and show the result. A suspended sync does this once.',
    )
    .argument('[sync...]', 'such as fleet or sync/fleet')
    .option('-l, --selector <labels>', 'select syncs with these labels')
    .option('--all', 'select all syncs in the namespace')
    .option('-A, --all-namespaces', 'in all namespaces')
    .option('--force-conflicts', 'take over fields of other field managers this time')
    .option('--wait', 'wait for the result (default)', true)
    .option('--no-wait', 'do not wait')
    .addOption(durationOption('--timeout <duration>', 'time out after this long', '2m'))
    .action((words: string[], options: SyncOptions) => sync(words, options, cli));
  examples(
    command,
    ['After a push, without waiting for the interval', 'agentctl sync fleet'],
    ['Show what would change, then sync', 'agentctl diff --sync fleet\nagentctl sync fleet'],
    ['Take over objects that were applied by hand', 'agentctl sync fleet --force-conflicts'],
    ['All syncs', 'agentctl sync --all -A'],
    [
      'Create the Secret for a private repository over SSH (spec.source.git.secretRef)',
      'agentctl create secret generic fleet-git --from-file=identity=./deploy-key --from-file=known_hosts=./known_hosts',
    ],
  );
}

export interface SyncOptions extends SelectOptions {
  forceConflicts?: boolean;
  wait: boolean;
  timeout: number;
}

interface Asked extends Selected {
  /** The Sync when the look was requested. */
  before: Sync;
  /** The Sync after the request was handled. */
  after?: Sync;
}

/** Requests a look of each Sync now, and prints the result. */
export async function sync(words: readonly string[], options: SyncOptions, cli: Cli): Promise<void> {
  const targets = syncTargets(words, options);
  const client = await cli.connect(options, { start: true });
  const selected = await select(client, targets, options, cli);
  if (selected.length === 0) throw new CliError('No syncs found');
  const force = options.forceConflicts === true ? takingOver : '';
  const request = `${formatTimeMs(cli.clock.now())}${force}`;
  const results = await parallel(selected, 16, (each) => ask(client, each, request));
  const asked = results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  if (!options.wait) for (const { text } of asked) cli.out(`${text} sync requested\n`);
  else {
    const judgeOf = (each: Asked): Judge<AnyObject> => handled(each, request);
    cli.exitCode = await waitEach(client, asked, judgeOf, options.timeout, cli, (each, outcome, fail) => {
      if (each.after === undefined || outcome.result !== 'met') return report(each, outcome, '', fail, cli);
      const { failed, text } = outcomeOf(each.before, each.after);
      if (failed) fail(each, `error: ${each.text}`, text);
      else cli.out(`${each.text}: ${text}\n`);
      return failed ? exitCode.failed : exitCode.ok;
    });
  }
  tellFailures(
    results.flatMap((each): unknown[] => (each.status === 'rejected' ? [each.reason] : [])),
    cli,
  );
}

async function ask(client: Client, each: Selected, request: string): Promise<Asked> {
  const body = { metadata: { annotations: { [syncAnnotations.requested]: request } } };
  return { ...each, before: await client.patch('Sync', each.key, { type: 'merge', body }, { fieldManager }) };
}

/** A later request is handled by a newer look, which also handles ours. */
const handled =
  (each: Asked, request: string): Judge<AnyObject> =>
  (object) => {
    if (object?.kind !== 'Sync') return { never: 'it was deleted' };
    const newest = object.metadata.annotations?.[syncAnnotations.requested];
    const last = object.status?.lastHandledRequest;
    const ready = conditionOf(object, 'Ready');
    if (ready?.reason === 'Progressing') return { pending: `${ready.reason}: ${ready.message}` };
    if (last === undefined || (last !== request && last !== newest))
      return { pending: 'its source is being read' };
    each.after = object;
    return 'met';
  };

type Changes = NonNullable<SyncStatus['changes']>;

/** Describes the result of a requested look; `before` is the Sync when it was requested. */
export function outcomeOf(before: Sync, after: Sync): { failed: boolean; text: string } {
  const failure = failureOf(after);
  if (failure !== undefined) return { failed: true, text: `${failure.reason}: ${failure.message}` };
  const { status = {} } = after;
  const { revision, reference, changedBy, changes = [], drift = [], warnings = [] } = status;
  if (revision === undefined) return { failed: true, text: 'no revision has been applied' };
  const isNew = changedBy !== before.status?.changedBy || !deepEqual(changes, before.status?.changes ?? []);
  const what =
    isNew && changedBy === revision && changes.length > 0
      ? `applied: ${countsText(changes)}`
      : 'is up to date';
  // Objects whose drift was corrected are not changes of a revision.
  const repaired = (before.status?.drift?.length ?? 0) - drift.length;
  const back = repaired > 0 ? `, ${counted(repaired, 'object was', 'objects were')} set back` : '';
  const { name } = after.metadata;
  const rest =
    drift.length === 0
      ? ''
      : `, but ${counted(drift.length, 'object differs', 'objects differ')} from it: agentctl describe sync ${name}`;
  const warned = warnings.map((warning) => `\nWarning: ${warning}`).join('');
  return { failed: false, text: `${revisionText(revision, reference)} ${what}${back}${rest}${warned}` };
}

/** A suspended Sync is suspended again after its one look; then Ready no longer shows the result. */
function failureOf(sync: Sync): Condition | undefined {
  const ready = conditionOf(sync, 'Ready');
  if (ready?.status !== 'False') return undefined;
  const { attempted, revision } = sync.status ?? {};
  if (ready.reason === 'Suspended' && attempted?.revision === revision) return undefined;
  return ready;
}

const order = ['Created', 'Configured', 'Pruned', 'Kept'] as const;

/** Returns `1 created, 2 configured`. The status has at most a hundred. */
function countsText(changes: Changes): string {
  const counts = order.flatMap((word) => {
    const count = changes.filter(({ change }) => change === word).length;
    return count === 0 ? [] : [`${count} ${word.toLowerCase()}`];
  });
  return `${counts.join(', ')}${changes.length < 100 ? '' : ' (of the first 100)'}`;
}

/** Parses `fleet`, `sync/fleet`; with a selector or --all no words are needed. */
export function syncTargets(words: readonly string[], options: SelectOptions): Target[] {
  const many = options.all === true || options.selector !== undefined;
  if (words.length === 0 && !many) throw new UsageError('specify syncs: names, -l with labels, or --all');
  const targets = parseTargetsOf('Sync', words.length === 0 ? ['syncs'] : words, options);
  const other = targets.find(({ info }) => info.kind !== 'Sync');
  if (other === undefined) return targets;
  throw new UsageError(`found ${other.info.singular}, expected a sync, as in fleet or sync/fleet`);
}
