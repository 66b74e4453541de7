import { asWrittenIn } from '../api/amounts.ts';
import { revertedAnnotation } from '../api/annotations.ts';
import { UnreachableError } from '../api/errors.ts';
import { applyOrder } from '../api/kinds.ts';
import { type Agent, type AnyObject, isTerminating, withEncodedData } from '../api/objects.ts';
import { withDefaults } from '../api/shape.ts';
import { listed } from '../api/text.ts';
import { isUnchanged, liveObjects, type Tried } from '../client/compare-objects.ts';
import { identity, writeAll } from '../client/write-objects.ts';
import { isReverted } from '../plan/progress.ts';
import { deletedWithUid, type Judge, readyAsApplied } from '../views/judges.ts';
import type { Outcome } from '../views/until.ts';
import { fieldManager } from './changing.ts';
import type { Cli, Client } from './cli.ts';
import { CliError, exitCode, nothingListens, UsageError } from './failure.ts';
import { formatObjects, withoutManagedFields } from './print/output-format.ts';
import { type FileOptions, type Manifest, readManifests } from './read-manifests.ts';
import { refusedTexts, tryManifests } from './try-manifests.ts';
import { reasonText, report as reportWait, waitEach } from './wait-report.ts';

/** The result for one document. */
interface Written extends Pick<Tried<Manifest>, 'change'> {
  manifest: Manifest;
  object: AnyObject | undefined;
}

/**
 * Checks all documents, dry-runs all of them on the server, and only then writes, in an order in which references are
 * valid. With `onlyChanges`, unchanged objects are not printed.
 */
export async function apply(
  options: ApplyOptions,
  cli: Cli,
  { onlyChanges = false }: { onlyChanges?: boolean } = {},
): Promise<void> {
  if (options.prune === true && options.applyset === undefined) {
    throw new UsageError('--prune requires --applyset=NAME: it deletes only the members of an apply set');
  }
  const manifests = await readManifests(options, cli);
  const say = async (written: readonly Written[]): Promise<void> => cli.out(await report(written, options));
  if (options.dryRun === 'client') return say(await clientDryRun(manifests, options, cli));
  const client = await cli.connect(options, { start: options.dryRun === 'none' });
  const open = async (name: string) => {
    const { openApplySet } = await import('./applyset.ts');
    return openApplySet(client, name, manifests, options, cli);
  };
  const set = options.applyset === undefined ? undefined : await open(options.applyset);
  const ordered = (set?.label(manifests) ?? manifests).toSorted(
    (a, b) => applyOrder.indexOf(a.info.kind) - applyOrder.indexOf(b.info.kind),
  );
  const live =
    options.dryRun === 'none'
      ? await liveOnceDeleted(client, ordered, options.timeout, cli)
      : await liveObjects(client, ordered);
  const tried = await tryManifests(client, ordered, options, live);
  if (options.dryRun === 'server') {
    await say(tried.map((each) => became(each, each.after)));
    return set?.prune({ dryRun: true });
  }
  await set?.begin();
  const changes = tried.filter(({ change }) => change !== 'Unchanged');
  const { written, refused } = await writeAll(
    client,
    changes.map(({ member }) => member),
    options,
  );
  const answers = new Map<Manifest, AnyObject>(written.map(({ member, object }) => [member, object]));
  const lost = new Set(refused.map(({ member }) => member));
  const done = tried.filter(({ member }) => !lost.has(member));
  const shown = onlyChanges ? done.filter(({ change }) => change !== 'Unchanged') : done;
  if (shown.length > 0 || !onlyChanges)
    await say(shown.map((each) => became(each, answers.get(each.member) ?? each.before)));
  if (refused.length > 0) {
    const unknown = refused.filter(({ reason }) => isUnknown(reason)).length;
    const unwritten = refused.length - unknown;
    const summary = [
      `applied ${done.length} of ${manifests.length} objects`,
      ...(unknown === 0 ? [] : [`the result for ${unknown} is unknown, as the connection was lost`]),
      ...(unwritten === 0 ? [] : [`${unwritten} could not be applied`]),
      'run apply again to complete it',
    ].join('; ');
    throw new CliError([...(await refusedTexts(client, refused)), summary].join('\nerror: '));
  }
  if (options.prune === true) await set?.prune({ dryRun: false });
  await acceptReverted(client, tried, answers);
  if (options.wait === true) {
    const written = tried.flatMap(({ member, before }) => {
      const object = answers.get(member) ?? before;
      return object === undefined ? [] : [{ ...member, applied: object }];
    });
    await waitReady(written, client, options, cli);
  }
}

/** Only compares: reads the existing objects if a server answers, and sends nothing. */
async function clientDryRun(
  manifests: readonly Manifest[],
  options: ApplyOptions,
  cli: Cli,
): Promise<Written[]> {
  const live = await liveIfAny(manifests, options, cli);
  return manifests.map((manifest) => {
    const before = live.get(identity(manifest));
    const isSame = before !== undefined && staysAsItIs(manifest, before, options.fieldManager);
    const change =
      before === undefined || isTerminating(before) ? 'Created' : isSame ? 'Unchanged' : 'Configured';
    return { manifest, object: undefined, change };
  });
}

function staysAsItIs({ info, object }: Manifest, before: AnyObject, fieldManager: string): boolean {
  const encoded = info.kind === 'Secret' ? withEncodedData(object) : object;
  const sent = asWrittenIn(info.schema, encoded, before);
  return isUnchanged(sent, before, fieldManager, withDefaults(info.schema, sent));
}

async function liveIfAny(
  manifests: readonly Manifest[],
  options: ApplyOptions,
  cli: Cli,
): Promise<ReadonlyMap<string, AnyObject>> {
  try {
    return await liveObjects(await cli.connect(options), manifests);
  } catch (error) {
    if (error instanceof UnreachableError) return new Map();
    throw error;
  }
}

/** The server may have written the object. */
const isUnknown = (reason: unknown): boolean =>
  reason instanceof UnreachableError && !nothingListens(reason.cause);

/** Applying exactly the spec that autoRevert restored accepts it: the reverted rollout no longer counts. */
async function acceptReverted(
  client: Client,
  tried: readonly Tried<Manifest>[],
  answers: ReadonlyMap<Manifest, AnyObject>,
): Promise<void> {
  for (const { member, before } of tried) {
    const { generation } = (answers.get(member) ?? before)?.metadata ?? {};
    if (before?.kind !== 'Agent' || !isReverted(before) || before.metadata.generation !== generation)
      continue;
    const body = { metadata: { annotations: { [revertedAnnotation]: null } } };
    await client.patch('Agent', member.key, { type: 'merge', body }, { fieldManager });
  }
}

const became = ({ member, change }: Tried<Manifest>, object: AnyObject | undefined): Written => ({
  manifest: member,
  object,
  change,
});

const howText = { none: '', client: ' (dry run)', server: ' (server dry run)' } as const;

/** In kubectl's words: created, configured, unchanged. */
async function report(written: readonly Written[], { output, dryRun }: ApplyOptions): Promise<string> {
  if (output === 'name') return written.map(({ manifest }) => `${manifest.text}\n`).join('');
  if (output === undefined)
    return written
      .map(({ manifest, change }) => `${manifest.text} ${change.toLowerCase()}${howText[dryRun]}\n`)
      .join('');
  const objects = written.map(({ manifest, object }) => object ?? (manifest.object as AnyObject)); // a client dry run has no other object
  return formatObjects({ type: output }, objects.map(withoutManagedFields), objects.length === 1);
}

/** Waits for the Agents that were written. `applied` is the object that the server returned. */
async function waitReady(
  written: readonly (Manifest & { applied: AnyObject })[],
  client: Client,
  options: ApplyOptions,
  cli: Cli,
): Promise<void> {
  const agents = written.filter(({ applied }) => applied.kind === 'Agent' && !isAtRest(applied));
  const code = await waitEach(
    client,
    agents,
    ({ applied }) => readyAsApplied(applied),
    options.timeout,
    cli,
    (each, outcome, fail) => reportWait(each, outcome, 'is Ready', fail, cli),
  );
  if (code !== exitCode.ok) cli.exitCode = code;
}

/** It is not meant to run, so there is nothing to wait for. */
const isAtRest = ({ spec }: Agent): boolean => spec.suspend || spec.replicas === 0;

/**
 * Returns the live objects of the manifests, after waiting until none is being deleted: a write to such an object would
 * be lost. Throws CliError if that takes longer than the timeout; then nothing has been written.
 */
async function liveOnceDeleted(
  client: Client,
  manifests: readonly Manifest[],
  timeout: number,
  cli: Cli,
): Promise<ReadonlyMap<string, AnyObject>> {
  const live = await liveObjects(client, manifests);
  const going = manifests.filter((manifest) => {
    const object = live.get(identity(manifest));
    return object !== undefined && isTerminating(object);
  });
  if (going.length === 0) return live;
  for (const { text } of going) cli.err(`${text} is being deleted; waiting to create it again\n`);
  const judgeOf = (manifest: Manifest): Judge => deletedWithUid(live.get(identity(manifest))?.metadata.uid);
  const late: string[] = [];
  const lateOf = ({ text, document }: Manifest, outcome: Outcome): number => {
    if (outcome.result !== 'met')
      late.push(
        `${document.source}:${document.line}: ${text}: timed out after ${timeout / 1000}s: ${reasonText(outcome.why)}`,
      );
    return 0;
  };
  await waitEach(client, going, judgeOf, timeout, cli, lateOf, { reportSlow: true });
  if (cli.signal.aborted) throw new CliError('interrupted; nothing was changed');
  if (late.length > 0) {
    const remedy = 'nothing was changed; apply again when they are gone, or wait longer with --timeout';
    throw new CliError([listed(late, { separator: '\nerror: ' }), remedy].join('\nerror: '));
  }
  return liveOnceDeleted(client, manifests, timeout, cli);
}

export interface ApplyOptions extends FileOptions {
  dryRun: 'none' | 'client' | 'server';
  forceConflicts?: boolean;
  fieldManager: string;
  applyset?: string;
  prune?: boolean;
  wait?: boolean;
  watch?: boolean;
  timeout: number;
  output?: 'name' | 'json' | 'yaml';
}
