import type { Command } from 'commander';
import { revisionText, syncAnnotations, takingOver } from '../../api/annotations.ts';
import type { Sync, SyncStatus } from '../../api/objects.ts';
import { formatTimeMs } from '../../api/time.ts';
import { parallel } from '../../client/write-objects.ts';
import { handled, type Judge, type SyncResult, syncResult } from '../../views/judges.ts';
import { fieldManager } from '../changing.ts';
import type { Cli, Client } from '../cli.ts';
import { CliError, exitCode, UsageError } from '../failure.ts';
import { durationOption, examples } from '../flags.ts';
import { printFailures } from '../get-tables.ts';
import { counted } from '../print/shown.ts';
import { type Selected, type SelectOptions, select } from '../select-objects.ts';
import { parseTargetsOf, type Target } from '../targets.ts';
import { report, waitEach } from '../wait-report.ts';

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
    const judgeOf = (each: Asked): Judge =>
      handled(request, (after) => {
        each.after = after;
      });
    cli.exitCode = await waitEach(client, asked, judgeOf, options.timeout, cli, (each, outcome, fail) => {
      if (each.after === undefined || outcome.result !== 'met') return report(each, outcome, '', fail, cli);
      const result = syncResult(each.before, each.after);
      if ('failed' in result) {
        fail(each, (text) => `error: ${text}`, result.failed);
        return exitCode.failed;
      }
      cli.out(`${each.text}: ${appliedText(each.after, result)}\n`);
      return exitCode.ok;
    });
  }
  printFailures(
    results.flatMap((each): unknown[] => (each.status === 'rejected' ? [each.reason] : [])),
    cli,
  );
}

async function ask(client: Client, each: Selected, request: string): Promise<Asked> {
  const body = { metadata: { annotations: { [syncAnnotations.requested]: request } } };
  return { ...each, before: await client.patch('Sync', each.key, { type: 'merge', body }, { fieldManager }) };
}

/** Describes what a requested look has applied. */
function appliedText({ metadata }: Sync, result: Exclude<SyncResult, { failed: unknown }>): string {
  const { applied, changes, repaired, drifted, warnings } = result;
  const what = changes.length > 0 ? `applied: ${countsText(changes)}` : 'is up to date';
  const back = repaired > 0 ? `, ${counted(repaired, 'object was', 'objects were')} set back` : '';
  const rest =
    drifted === 0
      ? ''
      : `, but ${counted(drifted, 'object differs', 'objects differ')} from it: agentctl describe sync ${metadata.name}`;
  const warned = warnings.map((warning) => `\nWarning: ${warning}`).join('');
  return `${revisionText(applied.revision, applied.reference)} ${what}${back}${rest}${warned}`;
}

const order = ['Created', 'Configured', 'Pruned', 'Kept'] as const;

/** Returns `1 created, 2 configured`. The status has at most a hundred. */
function countsText(changes: NonNullable<SyncStatus['changes']>): string {
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
