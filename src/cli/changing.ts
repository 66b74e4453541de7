import { ApiError, isApiError } from '../api/errors.ts';
import { isObject, pathText } from '../api/json.ts';
import { mergePatchBetween, patchedDifferences } from '../api/merge.ts';
import { type AnyObject, isTerminating } from '../api/objects.ts';
import type { Cli, Client } from './cli.ts';
import { CliError } from './failure.ts';
import { printFailures } from './get-tables.ts';
import { type Selected, type SelectOptions, select } from './select-objects.ts';
import type { Target } from './targets.ts';

/** How often the object may change between read and write before the write fails. */
const mostTries = 20;

/**
 * Writes the differences between an object as it was read and as it should be. Concurrent changes to other fields are
 * kept. Throws ApiError Conflict if the same fields were changed to other values. Returns the object; `changed` is
 * false if there was no difference.
 */
export async function writeChange(
  client: Client,
  { info, key, text }: Selected,
  { before, after }: { before: object; after: object },
  options: { fieldManager: string; dryRun?: boolean },
): Promise<{ object: AnyObject; changed: boolean }> {
  const patch = mergePatchBetween(withMarks(before), withMarks(after));
  for (let tries = 1; ; tries += 1) {
    const now = await client.get(info.kind, key);
    if (!isObject(patch)) return { object: now, changed: false };
    refuseClash(before, now, after, patch, text);
    const { uid, resourceVersion } = now.metadata;
    const metadata = { ...(isObject(patch.metadata) ? patch.metadata : {}), uid, resourceVersion };
    try {
      const body = { ...patch, metadata };
      const object: AnyObject = await client.patch(info.kind, key, { type: 'merge', body }, options);
      if (isTerminating(object) && object.metadata.generation !== now.metadata.generation)
        throw new CliError(`${text} is being deleted, so the change is lost`);
      return { object, changed: object.metadata.resourceVersion !== resourceVersion };
    } catch (error) {
      if (!isApiError(error, 'Conflict') || tries === mostTries) throw error;
    }
  }
}

/**
 * Adds empty labels and annotations, so that the patch removes single keys, even the last one, and keeps concurrently
 * added ones.
 */
function withMarks(object: object): object {
  const metadata = 'metadata' in object && isObject(object.metadata) ? object.metadata : {};
  const { labels, annotations } = metadata;
  return { ...object, metadata: { ...metadata, labels: labels ?? {}, annotations: annotations ?? {} } };
}

/** A field that another client has set to the wanted value is not a conflict. */
function refuseClash(before: object, now: AnyObject, after: object, patch: object, text: string): void {
  const uidOf = (object: object): unknown =>
    'metadata' in object && isObject(object.metadata) ? object.metadata.uid : undefined;
  if (uidOf(before) !== now.metadata.uid)
    throw new ApiError('Conflict', `${text} was deleted and created again in the meantime`);
  const wanted = new Set(patchedDifferences(patch, now, after).map(pathText));
  const clashes = patchedDifferences(patch, before, now)
    .map(pathText)
    .filter((field) => wanted.has(field));
  if (clashes.length === 0) return;
  const fields =
    clashes.slice(0, 10).join(', ') + (clashes.length > 10 ? ` and ${clashes.length - 10} more` : '');
  throw new ApiError(
    'Conflict',
    `${text}: somebody else changed ${fields} in the meantime; review it and try again`,
  );
}

export const fieldManager = 'agentctl';

/** Writes a merge patch to each object and prints that, as in kubectl: `agent.agentctl.dev/web suspended`. */
export async function patchEach(
  targets: readonly Target[],
  options: SelectOptions,
  cli: Cli,
  done: string,
  patch: (selected: Selected) => object,
): Promise<void> {
  const client = await cli.connect(options, { start: true });
  const selected = await select(client, targets, options, cli);
  if (selected.length === 0) throw new CliError('no objects found, nothing was changed');
  const failures: unknown[] = [];
  for (const each of selected) {
    try {
      const before = await client.get(each.info.kind, each.key);
      if (isTerminating(before)) throw new CliError(`${each.text} is being deleted, so it cannot be ${done}`);
      const after = await client.patch(
        each.info.kind,
        each.key,
        { type: 'merge', body: patch(each) },
        { fieldManager },
      );
      const changed = before.metadata.resourceVersion !== after.metadata.resourceVersion;
      cli.out(`${each.text} ${done}${changed ? '' : ' (no change)'}\n`);
    } catch (error) {
      failures.push(error);
    }
  }
  printFailures(failures, cli);
}
