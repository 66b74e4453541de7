import type { Command } from 'commander';
import { isApiError } from '../../api/errors.ts';
import { applyOrder, kindInfo } from '../../api/kinds.ts';
import type { AnyObject, Sync } from '../../api/objects.ts';
import { sentence } from '../../api/text.ts';
import type { Volume } from '../../client/streams.ts';
import { parallel } from '../../client/write-objects.ts';
import { deletedWithUid, type Reason } from '../../views/judges.ts';
import { fieldManager, writeChange } from '../changing.ts';
import type { Cli, Client } from '../cli.ts';
import { keptVolumes, printKeptVolumes, purgeVolumes, Users } from '../deletion-effects.ts';
import { describeFailure, exitCode, UsageError } from '../failure.ts';
import { choice, duration, examples, fileFlags, namespaceOf } from '../flags.ts';
import { counted } from '../print/shown.ts';
import type { SourceOptions } from '../read-manifests.ts';
import { type Selected, type SelectOptions, select, selectedOf } from '../select-objects.ts';
import { parseBareTargets, withNearName } from '../targets.ts';
import { type Fail, reasonText, waitEach } from '../wait-report.ts';

export function define(command: Command, cli: Cli): void {
  fileFlags(
    command
      .description(
        'Delete objects and wait until they are gone. Volumes are kept and listed, unless --purge is given. Objects that a sync applied are kept.',
      )
      .argument('[kind/name...]', 'such as agent/web, agent web, or agents'),
    'the objects in a file, a folder, a URL, or - for standard input',
  )
    .option('-l, --selector <labels>', 'select objects with these labels')
    .option('--field-selector <fields>', 'select objects with these fields')
    .option('--all', 'select all objects of the kind in the namespace')
    .option('-A, --all-namespaces', 'in all namespaces')
    .option('--wait', 'wait until they are gone (default)', true)
    .option('--no-wait', 'do not wait')
    .option('--timeout <duration>', 'time out after this long', duration('--timeout'))
    .option('--force', 'delete an agent without waiting for its Runtime; show what may still run there')
    .option('--purge', 'also delete the volumes of agents')
    .option('--ignore-not-found', 'succeed if an object does not exist')
    .addOption(
      choice('--cascade [how]', 'how to delete dependent objects', ['background', 'foreground', 'orphan'])
        .preset('background')
        .default('background'),
    )
    .addOption(
      choice('--dry-run [where]', 'show what would be deleted, delete nothing', ['none', 'client', 'server'])
        .preset('client')
        .default('none'),
    )
    .addOption(choice('-o, --output <format>', 'the output format', ['name']))
    .action((words: string[], options: DeleteOptions) => remove(words, options, cli));
  examples(
    command,
    ['One agent, but not its volumes', 'agentctl delete agent web'],
    ['All objects in a manifest', 'agentctl delete -f agents.yaml'],
    ['One agent and its volumes', 'agentctl delete agent web --purge'],
  );
}

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
    throw new UsageError('specify what to delete: -f FILE, -k FOLDER, or a kind with names, -l or --all');
  }
  if (options.purge === true && !options.wait) {
    throw new UsageError(
      '--purge cannot be combined with --no-wait, as volumes are deleted after the instances have ended',
    );
  }
  const fromFiles = byFiles ? await objectsInFiles(options, cli) : undefined;
  const client = await cli.connect(options, { start: options.dryRun === 'none' });
  const selected =
    fromFiles ?? (await select(client, await parseBareTargets(client, words, options, cli), options, cli));
  if (selected.length === 0) return cli.err('No resources found\n');
  // Objects are deleted before the objects that they refer to.
  const kinds = Map.groupBy(selected, ({ info }) => info.kind);
  const failures: unknown[] = [];
  const users = new Users(client, selected);
  for (const kind of applyOrder.toReversed()) {
    const asked = await parallel(kinds.get(kind) ?? [], 16, (each) =>
      removeOne(client, each, { users, options, cli }),
    );
    const held = asked.flatMap((each) => (each.status === 'fulfilled' ? (each.value ?? []) : []));
    for (const each of asked) if (each.status === 'rejected') failures.push(each.reason);
    failures.push(...(await waitGone(client, held, options, cli)));
  }
  const namespace = namespaceOf(options, cli.environment);
  const near = await parallel(failures, 16, (error) => withNearName(error, client, namespace));
  const described = near.map((each) =>
    describeFailure(each.status === 'fulfilled' ? each.value : each.reason),
  );
  // An unreachable server is the same failure for each object.
  for (const text of new Set(described.map((failure) => failure.text))) cli.err(`${text}\n`);
  if (described.length > 0) cli.exitCode = Math.max(...described.map((failure) => failure.exitCode));
}

async function objectsInFiles(options: DeleteOptions, cli: Cli): Promise<Selected[]> {
  const { readManifests } = await import('../read-manifests.ts');
  return readManifests(options, cli);
}

/** An object whose deletion was requested and has not finished. */
interface Held {
  each: Selected;
  gone: AnyObject;
  volumes: readonly Volume[];
}

/** Returns what must still be waited for. */
async function removeOne(
  client: Client,
  each: Selected,
  { users, options, cli }: { users: Users; options: DeleteOptions; cli: Cli },
): Promise<Held | undefined> {
  const { info, key } = each;
  try {
    if (options.dryRun === 'client') {
      await client.get(info.kind, key);
      await users.print(each, cli);
      say(each, 'deleted (dry run)', options, cli);
      return undefined;
    }
    const volumes = info.kind === 'Agent' ? await keptVolumes(client, key, cli) : [];
    const gone = await client.delete(info.kind, key, {
      dryRun: options.dryRun === 'server',
      propagationPolicy: propagation[options.cascade],
    });
    await users.print(each, cli);
    if (options.dryRun === 'server') {
      say(each, 'deleted (server dry run)', options, cli);
      return undefined;
    }
    const held = (gone.metadata.finalizers ?? []).length > 0;
    if (held && options.wait && options.force !== true) return { each, gone, volumes };
    if (options.force === true) await forceOff(client, each, cli);
    const what = options.force === true ? 'force deleted' : held ? 'deletion requested' : 'deleted';
    await removed({ each, gone, volumes }, what, client, options, cli);
    return undefined;
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
    const purges = options.purge === true && info.kind === 'Agent' && options.dryRun === 'none';
    const purged = purges && (await purgeVolumes(client, each, await keptVolumes(client, key, cli), cli));
    if (!purged && options.ignoreNotFound !== true) throw error;
    return undefined;
  }
}

function say({ info, key, text }: Selected, what: string, { output }: DeleteOptions, cli: Cli): void {
  const kind = info.group === '' ? info.singular : `${info.singular}.${info.group}`;
  cli.out(output === 'name' ? `${text}\n` : `${kind} ${JSON.stringify(key.name)} ${what}\n`);
}

async function removed(
  { each, gone, volumes }: Held,
  what: string,
  client: Client,
  options: DeleteOptions,
  cli: Cli,
): Promise<void> {
  say(each, what, options, cli);
  if (options.purge === true) await purgeVolumes(client, each, volumes, cli);
  else printKeptVolumes(each, volumes, cli);
  if (gone.kind === 'Sync') printLeftObjects(gone, cli);
}

/** Waits until the objects are gone; if that takes long, prints what it waits for. Returns the failures. */
async function waitGone(
  client: Client,
  all: readonly Held[],
  options: DeleteOptions,
  cli: Cli,
): Promise<unknown[]> {
  const timeout = options.timeout ?? Number.POSITIVE_INFINITY;
  const failures: unknown[] = [];
  const ending: Promise<unknown>[] = [];
  const code = await waitEach(
    client,
    all.map((held) => ({ ...held.each, held })),
    ({ held }) => deletedWithUid(held.gone.metadata.uid),
    timeout,
    cli,
    ({ held }, outcome, fail) => {
      if (outcome.result !== 'met') return failLate(held.each, outcome.why, fail);
      const end = removed(held, 'deleted', client, options, cli);
      ending.push(end.catch((error) => failures.push(error)));
      return exitCode.ok;
    },
    { reportSlow: true },
  );
  if (code !== exitCode.ok && !cli.signal.aborted) cli.exitCode = code;
  await Promise.all(ending);
  return failures;
}

function failLate(each: Selected, why: Reason, fail: Fail): number {
  const { info, key } = each;
  const place = key.namespace === undefined || key.namespace === 'default' ? '' : ` -n ${key.namespace}`;
  const isHinted = why.is === 'DeletionPending' && why.message?.includes('--force') === true; // by the controller
  const hint =
    info.kind === 'Agent' && !isHinted
      ? ` See what it waits for with 'agentctl describe agent ${key.name}${place}', or delete it anyway with --force.`
      : '';
  fail(
    each,
    (text) => `error: timed out waiting for ${text} to be deleted`,
    why,
    `${sentence(reasonText(why))}${hint}`,
  );
  return exitCode.timedOut;
}

const ours = (finalizer: string): boolean => finalizer.startsWith('agentctl.dev/');

/** Removes our finalizers from an object whose Runtime is permanently gone, after printing what may be left there. */
export async function forceOff(client: Client, selected: Selected, cli: Cli): Promise<void> {
  const { info, key, text } = selected;
  const left = info.kind === 'Agent' ? await instancesOf(client, key.namespace, key.name) : [];
  for (const { metadata, spec, status } of left) {
    const ref = status?.run?.ref;
    if (ref !== undefined) {
      cli.err(
        `Warning: ${metadata.name} may still be running on runtime ${spec.runtimeRef.name} as ${ref}, and is no longer managed\n`,
      );
    }
    await dropFinalizers(client, selectedOf(kindInfo('Instance'), metadata.name, metadata.namespace));
  }
  if (await dropFinalizers(client, selected))
    cli.err(`Warning: ${text} was deleted without waiting for its Runtime\n`);
}

async function instancesOf(client: Client, namespace: string | undefined, agent: string) {
  const { items } = await client.list('Instance', { namespace });
  return items.filter(({ spec }) => spec.agentName === agent);
}

/** Returns whether the object had any of our finalizers. */
async function dropFinalizers(client: Client, each: Selected): Promise<boolean> {
  try {
    const before = await client.get(each.info.kind, each.key);
    if (!(before.metadata.finalizers ?? []).some(ours)) return false;
    const finalizers = (before.metadata.finalizers ?? []).filter((name) => !ours(name));
    const after = { ...before, metadata: { ...before.metadata, finalizers } };
    await writeChange(client, each, { before, after }, { fieldManager });
    return true;
  } catch (error) {
    if (isApiError(error, 'NotFound')) return false; // it was already deleted
    throw error;
  }
}

/** Objects that a Sync applied remain after its deletion. */
export function printLeftObjects({ metadata, status = {} }: Sync, cli: Cli): void {
  const count = status.objects ?? status.inventory?.length ?? 0;
  if (count === 0) return;
  const [are, them] = count === 1 ? ['is', 'it'] : ['are', 'them'];
  cli.err(
    `kept: ${counted(count, 'object')} applied by sync ${metadata.name}, which ${are} no longer synced. Delete ${them} with 'agentctl delete -f' and the same manifests.\n`,
  );
}
