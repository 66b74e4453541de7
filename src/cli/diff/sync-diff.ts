import { revisionText } from '../../api/annotations.ts';
import { type Change, changeLine } from '../../api/difference.ts';
import { kindInfo } from '../../api/kinds.ts';
import type { ObjectKey } from '../../api/objects.ts';
import type { ObjectChange, SyncDiff } from '../../client/streams.ts';
import type { Cli } from '../cli.ts';
import { counted } from '../counted.ts';
import { CliError, exitCode, UsageError } from '../failure.ts';
import { namespaceOf } from '../global-options.ts';
import type { FileOptions } from '../read-manifests.ts';
import { objectName } from '../targets.ts';
import { syncTargets } from '../verbs/sync.ts';

type SyncDiffOptions = FileOptions & { output?: 'json'; forceConflicts?: boolean };

/** Prints what the newest revision of a Sync's source would change. */
export async function diffSync(word: string, options: SyncDiffOptions, cli: Cli): Promise<void> {
  if (options.filename !== undefined) throw new UsageError('--sync cannot be combined with -f');
  const [target] = syncTargets([word], options);
  const key: ObjectKey = { namespace: namespaceOf(options, cli.environment), name: target?.name ?? word };
  const client = await cli.connect(options);
  const found = await client.diffSync(key, { force: options.forceConflicts });
  const { changes, errors } = found;
  if (options.output === 'json') cli.out(`${JSON.stringify(plain(found), null, 2)}\n`);
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

const plain = ({ revision, reference, applied, needsApproval, errors, changes }: SyncDiff) => ({
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
export function differsText(text: string, changes: readonly Change[], isAgent: boolean): string {
  const restarts = changes.some(({ update }) => update === 'restart');
  const head = `${text}: ${counted(changes.length, 'field differs', 'fields differ')}`;
  const tail = !isAgent ? '' : restarts ? ', its instances would restart' : ', nothing restarts';
  return `${head}${tail}\n${changes.map((change) => `  ${changeLine(change)}`).join('\n')}`;
}

export const createdText = (text: string): string => `${text}: does not exist, would be created`;

/** Returns `agent.agentctl.dev/web in other`; omits the namespace default. */
export const placed = (text: string, namespace: string | undefined): string =>
  namespace === undefined || namespace === 'default' ? text : `${text} in ${namespace}`;

export const plainFields = (changes: readonly Change[]) =>
  changes.map(({ path, before, after, update }) => ({ path, before, after, update }));
