import { isApiError } from '../../api/errors.ts';
import { applyOrder } from '../../api/kinds.ts';
import type { AnyObject } from '../../api/objects.ts';
import { parallel } from '../../client/parallel.ts';
import type { Cli, Client } from '../cli.ts';
import { exitCode, tell, UsageError } from '../failure.ts';
import type { SourceOptions } from '../files.ts';
import { progress } from '../print/progress.ts';
import { type Selected, type SelectOptions, select } from '../select.ts';
import { parseTargets } from '../targets.ts';
import { deleted } from '../wait/conditions.ts';
import { until } from '../wait/until.ts';
import { forceOff } from './force.ts';
import { tellLeft } from './left.ts';
import { keptVolumes, purgeVolumes, tellKept } from './volumes.ts';

export interface DeleteOptions extends SelectOptions, SourceOptions {
  wait: boolean;
  timeout?: number;
  force?: boolean;
  purge?: boolean;
  ignoreNotFound?: boolean;
  cascade: 'background' | 'foreground' | 'orphan';
  dryRun: 'none' | 'client' | 'server';
  output?: 'name';
}

const propagation = { background: 'Background', foreground: 'Foreground', orphan: 'Orphan' } as const;

export async function remove(words: readonly string[], options: DeleteOptions, cli: Cli): Promise<void> {
  const byFiles = options.filename !== undefined || options.kustomize !== undefined;
  if (words.length > 0 === byFiles) {
    throw new UsageError('say what to delete: -f FILE, -k FOLDER, or a kind with names, labels or --all');
  }
  if (options.purge === true && !options.wait) {
    throw new UsageError('--purge deletes volumes once the instances have ended: leave out --no-wait');
  }
  const fromFiles = byFiles ? await objectsInFiles(options, cli) : undefined;
  const client = await cli.connect(options, { start: options.dryRun === 'none' });
  const selected = fromFiles ?? (await select(client, parseTargets(words), options, cli));
  if (selected.length === 0) return cli.err('No resources found\n');
  // What refers to others goes before what it refers to.
  const kinds = Map.groupBy(selected, ({ info }) => info.kind);
  const results: PromiseSettledResult<void>[] = [];
  for (const kind of applyOrder.toReversed()) {
    results.push(
      ...(await parallel(kinds.get(kind) ?? [], 16, (each) => removeOne(client, each, options, cli))),
    );
  }
  let failed = 0;
  for (const result of results) {
    if (result.status === 'fulfilled') continue;
    cli.err(`${tell(result.reason).text}\n`);
    failed = Math.max(failed, tell(result.reason).exitCode);
  }
  if (failed > 0) cli.exitCode = failed;
}

async function objectsInFiles(options: DeleteOptions, cli: Cli): Promise<Selected[]> {
  const { readManifests } = await import('../manifests.ts');
  return readManifests(options, cli);
}

async function removeOne(client: Client, each: Selected, options: DeleteOptions, cli: Cli): Promise<void> {
  const { info, key } = each;
  const said =
    options.output === 'name'
      ? each.text
      : `${info.group === '' ? info.singular : `${info.singular}.${info.group}`} ${JSON.stringify(key.name)}`;
  const say = (what: string): void =>
    cli.out(options.output === 'name' ? `${each.text}\n` : `${said} ${what}\n`);
  try {
    if (options.dryRun === 'client') {
      await client.get(info.kind, key);
      return say('deleted (dry run)');
    }
    const volumes = info.kind === 'Agent' ? await keptVolumes(client, key, cli) : [];
    const gone = await client.delete(info.kind, key, {
      dryRun: options.dryRun === 'server',
      propagationPolicy: propagation[options.cascade],
    });
    if (options.dryRun === 'server') return say('deleted (server dry run)');
    const held = (gone.metadata.finalizers ?? []).length > 0;
    if (options.force === true) {
      await forceOff(client, each, cli);
      say('force deleted');
    } else if (held && options.wait) {
      if (!(await isGone(client, each, gone, options, cli))) return;
      say('deleted');
    } else say(held ? 'deletion asked for' : 'deleted');
    if (options.purge === true) await purgeVolumes(client, each, volumes, cli);
    else tellKept(volumes, cli);
    if (gone.kind === 'Sync') tellLeft(gone, cli);
  } catch (error) {
    if (!(options.ignoreNotFound === true && isApiError(error, 'NotFound'))) throw error;
  }
}

/** Waits until it is; where that takes too long it says what it waits for. */
async function isGone(
  client: Client,
  { info, key, text }: Selected,
  { metadata: { uid } }: AnyObject,
  options: DeleteOptions,
  cli: Cli,
): Promise<boolean> {
  const judge = (object: AnyObject | undefined) => (object?.metadata.uid === uid ? deleted(object) : 'met');
  const { clock, signal } = cli;
  const timeout = options.timeout ?? Number.POSITIVE_INFINITY;
  const line = progress(cli);
  const onPending = (why: string): void => line.show(`waiting for ${text}: ${why}`);
  const outcome = await until(client, info.kind, key, judge, { timeout, clock, signal, onPending });
  line.clear();
  if (outcome.result === 'met') return true;
  if (signal.aborted) return false;
  const hint =
    info.kind === 'Agent'
      ? ` 'agentctl describe agent ${key.name}' says what it waits for; --force lets go of it.`
      : '';
  cli.err(`error: timed out waiting for the deletion of ${text}: ${outcome.why}.${hint}\n`);
  cli.exitCode = exitCode.timedOut;
  return false;
}
