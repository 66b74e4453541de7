import { collectAnnotation, syncAnnotations } from '../../api/annotations.ts';
import type { ObjectKey, SyncStatus } from '../../api/objects.ts';
import { revisionText } from '../../api/sync-names.ts';
import type { Client } from '../cli.ts';
import { counted } from '../counted.ts';
import { CliError } from '../failure.ts';
import { fieldManager } from '../patching.ts';

/** Approves the deletions of the pending revision. Returns a text that describes them. */
export async function approveSync(client: Client, key: ObjectKey): Promise<string> {
  const { status } = await client.get('Sync', key);
  const pending = status?.pendingApproval;
  if (pending === undefined)
    throw new CliError(`sync.agentctl.dev/${key.name}: no revision waits for approval`);
  const annotations = { [syncAnnotations.approved]: pending.revision };
  await client.patch('Sync', key, { type: 'merge', body: { metadata: { annotations } } }, { fieldManager });
  const { deletes, objects = [] } = pending;
  const more = deletes - objects.length;
  const names = [...objects, ...(more > 0 && objects.length > 0 ? [`${more} more`] : [])].join(', ');
  return `${revisionText(pending.revision)} may delete ${deletesText(pending)}${names === '' ? '' : `: ${names}`}`;
}

/** `12 of 20 objects` */
export const deletesText = ({ deletes, of }: NonNullable<SyncStatus['pendingApproval']>): string =>
  of === undefined ? counted(deletes, 'object') : `${deletes} of ${counted(of, 'object')}`;

/** Lets a Runtime remove orphans, which belong to no Instance any more. */
export async function approveRuntime(client: Client, key: ObjectKey): Promise<string> {
  const { status } = await client.get('Runtime', key);
  const held = status?.conditions?.find(({ type }) => type === 'OrphansHeld');
  if (held?.status !== 'True')
    throw new CliError(`runtime.agentctl.dev/${key.name}: nothing waits for approval`);
  const annotations = { [collectAnnotation]: 'true' };
  await client.patch(
    'Runtime',
    key,
    { type: 'merge', body: { metadata: { annotations } } },
    { fieldManager },
  );
  return 'containers without an Instance are removed';
}
