import { applyOrder } from '../../api/kinds.ts';
import type { Agent, AnyObject, New } from '../../api/objects.ts';
import type { Tried } from '../../client/apply/compare.ts';
import { liveObjects } from '../../client/apply/live.ts';
import { writeAll } from '../../client/apply/write.ts';
import type { Cli } from '../cli.ts';
import { CliError, exitCode, UsageError } from '../failure.ts';
import { type Manifest, readManifests } from '../manifests.ts';
import { formatObjects, withoutManagedFields } from '../print/objects.ts';
import { readyOrAsleep } from '../wait/conditions.ts';
import { reportWaits } from '../wait/report.ts';
import { openApplySet } from './applyset.ts';
import { liveOnceDeleted } from './deletions.ts';
import type { ApplyOptions } from './options.ts';
import { refusedTexts, tryManifests } from './try.ts';

/** What became of a document: kubectl's words created, configured, unchanged. */
interface Written {
  manifest: Manifest;
  object: AnyObject | undefined;
  word: string;
}

/**
 * Checks all documents, lets the server try all of them, and only then writes, in an order in which references hold. With
 * `onlyChanges` nothing is said of what is unchanged.
 */
export async function apply(
  options: ApplyOptions,
  cli: Cli,
  { onlyChanges = false }: { onlyChanges?: boolean } = {},
): Promise<void> {
  if (options.prune === true && options.applyset === undefined) {
    throw new UsageError('--prune deletes only what an apply set owns: name it with --applyset=NAME');
  }
  const manifests = await readManifests(options, cli);
  const say = async (written: readonly Written[]): Promise<void> => cli.out(await report(written, options));
  if (options.dryRun === 'client') {
    return say(manifests.map((manifest) => ({ manifest, object: undefined, word: 'created (dry run)' })));
  }
  const client = await cli.connect(options, { start: options.dryRun === 'none' });
  const set =
    options.applyset === undefined
      ? undefined
      : await openApplySet(client, options.applyset, manifests, options, cli);
  const ordered = (set?.label(manifests) ?? manifests).toSorted(
    (a, b) => applyOrder.indexOf(a.info.kind) - applyOrder.indexOf(b.info.kind),
  );
  const live =
    options.dryRun === 'none'
      ? await liveOnceDeleted(client, ordered, options.timeout, cli)
      : await liveObjects(client, ordered);
  const tried = await tryManifests(client, ordered, options, live);
  if (options.dryRun === 'server') {
    await say(tried.map((each) => became(each, each.after, ' (server dry run)')));
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
  const told = onlyChanges ? done.filter(({ change }) => change !== 'Unchanged') : done;
  if (told.length > 0 || !onlyChanges)
    await say(told.map((each) => became(each, answers.get(each.member) ?? each.before)));
  if (refused.length > 0) {
    const summary = `${done.length} of ${manifests.length} objects are as the files say, ${refused.length} could not be written; run the same apply again to complete it`;
    throw new CliError([...(await refusedTexts(client, refused)), summary].join('\nerror: '));
  }
  if (options.prune === true) await set?.prune({ dryRun: false });
  if (options.wait === true) await waitReady(ordered, client, options, cli);
}

const became = ({ member, change }: Tried<Manifest>, object: AnyObject | undefined, how = ''): Written => ({
  manifest: member,
  object,
  word: `${change.toLowerCase()}${how}`,
});

async function report(written: readonly Written[], { output }: ApplyOptions): Promise<string> {
  if (output === 'name') return written.map(({ manifest }) => `${manifest.text}\n`).join('');
  if (output === undefined) return written.map(({ manifest, word }) => `${manifest.text} ${word}\n`).join('');
  const objects = written.map(({ manifest, object }) => object ?? (manifest.object as AnyObject)); // a client dry run knows no more
  return formatObjects({ type: output }, objects.map(withoutManagedFields), objects.length === 1);
}

async function waitReady(
  manifests: readonly Manifest[],
  client: Parameters<typeof reportWaits>[0],
  options: ApplyOptions,
  cli: Cli,
): Promise<void> {
  const agents = manifests.filter(
    ({ info, object }) => info.kind === 'Agent' && !isAtRest(object as New<Agent>), // of kind Agent
  );
  const code = await reportWaits(client, agents, readyOrAsleep, 'is Ready', options.timeout, cli);
  if (code !== exitCode.ok) cli.exitCode = code;
}

/** Nothing of it is asked to run, so there is nothing to wait for. */
const isAtRest = ({ spec }: { spec?: { suspend?: unknown; replicas?: unknown } | undefined }): boolean =>
  spec?.suspend === true || spec?.replicas === 0;
