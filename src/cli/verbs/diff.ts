import type { Command } from 'commander';
import { revisionText } from '../../api/annotations.ts';
import { type Change, changeLine, changesOf } from '../../api/difference.ts';
import { kindInfo } from '../../api/kinds.ts';
import type { ObjectKey } from '../../api/objects.ts';
import { liveObjects } from '../../client/compare-objects.ts';
import type { ObjectChange, SyncDiff } from '../../client/streams.ts';
import type { Cli } from '../cli.ts';
import { CliError, describeFailure, exitCode, failureText, UsageError } from '../failure.ts';
import { choice, examples, fileFlags, namespaceOf } from '../flags.ts';
import { counted } from '../print/shown.ts';
import { type FileOptions, type Manifest, readManifests } from '../read-manifests.ts';
import { objectName } from '../targets.ts';
import { tryManifests } from '../try-manifests.ts';
import { syncTargets } from './sync.ts';

export function define(command: Command, cli: Cli): void {
  fileFlags(
    command.description(
      'Show the differences between manifests, or the next revision of a sync, and the current state, field by field, and what would restart. The exit code is 0 without differences, 1 with differences, and greater than 1 after an error.',
    ),
  )
    .option('--sync <name>', 'show what the newest revision of this sync would change')
    .option('--server-side', 'has no effect, as it is always on; for kubectl scripts')
    .option('--force-conflicts', 'show the changes if fields of other field managers were taken over')
    .option('--field-manager <name>', 'the field manager that would own the fields', 'agentctl')
    .addOption(choice('-o, --output <format>', 'the output format', ['json']))
    .action((options: DiffOptions & { sync?: string }) =>
      (options.sync === undefined ? diff(options, cli) : diffSync(options.sync, options, cli)).catch(
        (error: unknown) => {
          if (describeFailure(error).exitCode !== exitCode.failed) throw error;
          throw new CliError(failureText(error), { exitCode: exitCode.trouble, cause: error });
        },
      ),
    );
  examples(
    command,
    ['Before an apply', 'agentctl diff -f agents.yaml'],
    ['Before a sync', 'agentctl diff --sync fleet'],
  );
}

interface DiffOptions extends FileOptions {
  forceConflicts?: boolean;
  fieldManager: string;
  output?: 'json';
}

interface Difference {
  manifest: Manifest;
  /** Absent if the object does not exist yet. */
  changes?: Change[];
}

async function diff(options: DiffOptions, cli: Cli): Promise<void> {
  const manifests = await readManifests(options, cli);
  const client = await cli.connect(options);
  const differences: Difference[] = [];
  for (const { member: manifest, before, after } of await tryManifests(
    client,
    manifests,
    options,
    await liveObjects(client, manifests),
  )) {
    if (before === undefined || after === undefined) differences.push({ manifest });
    else {
      const changes = changesOf(manifest.info, before, after);
      if (changes.length > 0) differences.push({ manifest, changes });
    }
  }
  if (differences.length > 0) cli.exitCode = exitCode.different;
  if (options.output === 'json')
    return cli.out(`${JSON.stringify(differences.map(plainDifference), null, 2)}\n`);
  cli.out(differences.map((each) => `${differenceText(each)}\n`).join('\n'));
}

const plainDifference = ({ manifest, changes }: Difference) => ({
  object: manifest.text,
  namespace: manifest.key.namespace,
  change: changes === undefined ? 'create' : 'update',
  fields: plainFields(changes ?? []),
});

function differenceText({ manifest: { text, key, info }, changes }: Difference): string {
  const where = placed(text, key.namespace);
  return changes === undefined ? createdText(where) : differsText(where, changes, info.kind === 'Agent');
}

type SyncDiffOptions = FileOptions & { output?: 'json'; forceConflicts?: boolean };

/** Prints what the newest revision of a Sync's source would change. */
async function diffSync(word: string, options: SyncDiffOptions, cli: Cli): Promise<void> {
  if (options.filename !== undefined) throw new UsageError('--sync cannot be combined with -f');
  const [target] = syncTargets([word], options);
  const key: ObjectKey = { namespace: namespaceOf(options, cli.environment), name: target?.name ?? word };
  const client = await cli.connect(options);
  const found = await client.diffSync(key, { force: options.forceConflicts });
  const { changes, errors } = found;
  if (options.output === 'json') cli.out(`${JSON.stringify(plainSyncDiff(found), null, 2)}\n`);
  else if (changes.length > 0) cli.out(`${head(key.name, found)}\n\n${changes.map(text).join('\n\n')}\n`);
  if (errors.length > 0) {
    const verdict =
      found.applied === found.revision
        ? `${named(found)} is applied; these objects are kept`
        : `${named(found)} would be refused, and nothing would change`;
    const whole = [...errors, verdict];
    throw new CliError(whole.join('\nerror: '), { exitCode: exitCode.trouble });
  }
  // A Kept object is listed, so that no one expects its deletion, but is not a difference.
  if (changes.some(({ change }) => change !== 'Kept')) cli.exitCode = exitCode.different;
}

const named = ({ revision, reference }: SyncDiff): string => revisionText(revision, reference);

function head(name: string, found: SyncDiff): string {
  const { applied, revision, needsApproval, changes } = found;
  const before =
    applied === undefined
      ? 'nothing is applied yet'
      : applied === revision
        ? 'which is already applied'
        : `${revisionText(applied)} is applied`;
  const deletes = changes.filter(({ change }) => change === 'Pruned').length;
  const approval = needsApproval
    ? `\n  waits for agentctl approve sync/${name}, because it deletes ${counted(deletes, 'object')}`
    : '';
  return `sync.agentctl.dev/${name}: ${named(found)}, ${before}${approval}`;
}

function text({ kind, namespace, name, change, fields, why = 'it is protected' }: ObjectChange): string {
  const where = placed(objectName(kindInfo(kind), name), namespace);
  switch (change) {
    case 'Created':
      return createdText(where);
    case 'Configured':
      // Only annotations differ: a file was renamed, or the object was applied by hand until now.
      if (fields.length === 0) return `${where}: only its source differs, nothing restarts`;
      return differsText(where, fields, kind === 'Agent');
    case 'Pruned':
      return `${where}: no longer in the manifests, would be pruned`;
    case 'Kept':
      return `${where}: no longer in the manifests, would be kept: ${why}`;
  }
}

const words = { Created: 'create', Configured: 'update', Pruned: 'prune', Kept: 'keep' } as const;

const plainSyncDiff = ({ revision, reference, applied, needsApproval, errors, changes }: SyncDiff) => ({
  revision,
  reference,
  applied,
  needsApproval,
  errors,
  changes: changes.map(({ kind, namespace, name, change, fields, why }) => ({
    object: objectName(kindInfo(kind), name),
    namespace,
    change: words[change],
    fields: plainFields(fields),
    why,
  })),
});

/** Formats one object of a diff, with its differences field by field. */
function differsText(text: string, changes: readonly Change[], isAgent: boolean): string {
  const restarts = changes.some(({ update }) => update === 'restart');
  const head = `${text}: ${counted(changes.length, 'field differs', 'fields differ')}`;
  const tail = !isAgent ? '' : restarts ? ', its instances would restart' : ', nothing restarts';
  return `${head}${tail}\n${changes.map((change) => `  ${changeLine(change)}`).join('\n')}`;
}

const createdText = (text: string): string => `${text}: does not exist, would be created`;

/** Returns `agent.agentctl.dev/web in other`; omits the namespace default. */
const placed = (text: string, namespace: string | undefined): string =>
  namespace === undefined || namespace === 'default' ? text : `${text} in ${namespace}`;

const plainFields = (changes: readonly Change[]) =>
  changes.map(({ path, before, after, update }) => ({ path, before, after, update }));
